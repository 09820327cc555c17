#include "launch/run_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/config/config.hpp"

#include <fmt/format.h>

namespace cogent::launch {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  check(!failure, ErrorCode::kUsage, "run.dir ", path.string(),
        " cannot be made: ", failure.message());
}

}  // namespace

void RunFolder::prepare(const RunConfig& config, ExistingRun existing) {
  const fs::path dir = config.run.dir;
  const fs::path saved = dir / "config.yaml";
  if (fs::exists(dir) && !fs::is_empty(dir)) {
    check(existing == ExistingRun::kContinue, ErrorCode::kUsage, "run.dir ", dir.string(),
          " exists already and --fresh was given: name another folder or remove it");
    if (fs::exists(saved)) {
      const RunConfig then = load_config(saved, {});
      check(arithmetic_digest(then) == arithmetic_digest(config), ErrorCode::kUsage, "run.dir ",
            dir.string(), " holds a run with other settings (",
            arithmetic_differences(then, config),
            "): continue it with its own, or name another folder");
    }
  }
  for (const char* part : {"checkpoints", "rollouts", "predictions", "log"}) {
    make_folder(dir / part);
  }
  write_file_atomic(saved, to_yaml(config), ErrorCode::kUsage);
}

fs::path RunFolder::predictions(std::int64_t version) const {
  return dir_ / "predictions" / fmt::format("step-{:08}.jsonl", version);
}

void RunFolder::cut_back(std::int64_t step) const {
  truncate_json_lines(metrics(), "step", step + 1);  // line s: after step s
  truncate_json_lines(evaluations(), "step",
                      step);  // line v: version v, measured again by the step that draws with it
  truncate_json_lines(rollouts(), "step", step);  // line t: trains v_t
}

}  // namespace cogent::launch
