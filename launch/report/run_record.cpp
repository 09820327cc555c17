#include "launch/report/run_record.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "distributed/checkpoint/layout.hpp"
#include "launch/report/best_checkpoint.hpp"

#include <algorithm>
#include <fstream>
#include <tuple>

namespace cogent::launch {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShownPredictions = 5;

// The object of a JSON file; nothing where the file is missing.
std::optional<json::object> read_object(const fs::path& path) {
  if (!fs::exists(path)) {
    return std::nullopt;
  }
  return parse_json_object(read_file(path, ErrorCode::kData), path.string());
}

// The predictions to show: of the test, else of the last step, else of the development set, which
// is the reverse order of the file names.
std::optional<fs::path> find_predictions(const fs::path& run) {
  std::optional<fs::path> last;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run / "predictions", ignored)) {
    const bool is_later = !last || last->filename() < entry.path().filename();
    if (entry.path().extension() == ".jsonl" && is_later) {
      last = entry.path();
    }
  }
  return last;
}

RunRecord read_run(const fs::path& folder) {
  RunRecord run;
  // "runs/sft/" has an empty file name, "." a name that says nothing.
  const fs::path whole = fs::weakly_canonical(folder);
  run.name = whole.filename().string();
  run.config = read_file(folder / "config.yaml", ErrorCode::kData);
  run.metrics = read_finished_lines(folder / "metrics.jsonl", kEveryLine, run.unread_lines);
  run.evaluations = read_finished_lines(folder / "evaluations.jsonl", kEveryLine, run.unread_lines);
  if (const auto saved = evaluated_checkpoints(folder); !saved.empty()) {
    run.best = {saved.front(),
                folder / "checkpoints" / distributed::step_folder_name(saved.front())};
  }
  run.evaluation = read_object(folder / "evaluation.json");
  run.sampling = read_object(folder / "sampling.json");
  if (const auto predictions = find_predictions(folder)) {
    run.predictions_file = predictions->filename().string();
    run.predictions = read_finished_lines(*predictions, kShownPredictions, run.unread_lines);
  }
  return run;
}

bool is_run(const fs::path& folder) {
  return fs::is_regular_file(folder / "config.yaml");
}

int kind_order(const fs::path& folder) {
  const std::string name = folder.filename().string();
  int order = 0;
  for (const char* kind : {"base", "sft", "grpo"}) {
    if (name.starts_with(kind)) {
      return order;
    }
    ++order;
  }
  return order;
}

}  // namespace

std::vector<RunRecord> read_runs(const fs::path& folder) {
  check(fs::is_directory(folder), ErrorCode::kData, folder.string(),
        " is not a folder: name a run folder, or a folder of run folders");
  if (is_run(folder)) {
    return {read_run(folder)};
  }
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && is_run(entry.path())) {
      folders.push_back(entry.path());
    }
  }
  check(!folders.empty(), ErrorCode::kData, folder.string(),
        " holds no run: neither it nor a folder in it has a config.yaml");
  const auto key = [](const fs::path& path) {
    return std::tuple(kind_order(path), fs::last_write_time(path / "config.yaml"), path);
  };
  std::sort(folders.begin(), folders.end(),
            [&](const fs::path& a, const fs::path& b) { return key(a) < key(b); });
  std::vector<RunRecord> runs;
  for (const fs::path& path : folders) {
    runs.push_back(read_run(path));
  }
  return runs;
}

std::vector<json::object> read_finished_lines(const fs::path& path, std::size_t limit,
                                              std::size_t& unread_lines) {
  std::vector<json::object> objects;
  std::ifstream stream(path);
  JsonLineReader reader(stream, path.string());
  while (objects.size() < limit) {
    try {
      auto line = reader.next();
      if (!line) {
        break;
      }
      objects.push_back(std::move(line->object));
    } catch (const Error&) {
      // A last line without its line end is still being written.
      unread_lines += stream.eof() ? 0 : 1;
    }
  }
  return objects;
}

std::optional<double> find_number(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) {
    return std::nullopt;
  }
  return value->to_number<double>();
}

std::string find_text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace cogent::launch
