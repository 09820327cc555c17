#include "core/base/files.hpp"
#include "launch/cli.hpp"
#include "launch/report/page.hpp"
#include "launch/report/run_record.hpp"
#include "launch/report/tables.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <memory>

namespace cogent::launch {
namespace {

struct Options {
  std::string folder;
  bool json = false;
};

void run(const Options& options) {
  const std::filesystem::path folder = options.folder;
  const std::vector<RunRecord> runs = read_runs(folder);
  const std::filesystem::path page = folder / "report.html";
  const std::string title = std::filesystem::weakly_canonical(folder).filename().string();
  write_file_atomic(page, report_page(title, runs), ErrorCode::kData);
  if (options.json) {
    json::object summary = summary_json(runs);
    summary["report"] = page.string();
    std::cout << to_json_line(summary) << '\n';
    return;
  }
  for (const Table& table : {evaluation_table(runs), training_table(runs), sampling_table(runs)}) {
    if (!table.rows.empty()) {
      std::cout << to_text(table) << '\n';
    }
  }
  for (const RunRecord& record : runs) {
    if (record.best) {
      std::cout << "The best evaluated checkpoint of " << record.name << " is "
                << record.best->folder.string() << '\n';
    }
  }
  std::cout << "The report is " << page.string() << '\n';
}

}  // namespace

void add_report(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("report", "Tables and an HTML page of a run, or of several");
  command->footer("Example:\n  cogent report runs/quickstart");
  command
      ->add_option("folder", options->folder,
                   "a run folder, or a folder of run folders; report.html is written into it")
      ->required();
  command->add_flag("--json", options->json, "one JSON object in place of the tables");
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
