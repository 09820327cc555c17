#include "core/base/error.hpp"
#include "launch/report/chart.hpp"
#include "launch/report/markup.hpp"
#include "launch/report/page.hpp"
#include "launch/report/run_record.hpp"
#include "launch/report/tables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace cogent::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

class ReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(::testing::TempDir()) / "cogent_report_test" / info->name();
    fs::remove_all(root_);
    fs::create_directories(root_);
  }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  // A base evaluation, a GRPO run of 20 steps whose last line is half written, and no more.
  void write_runs() {
    write("grpo/config.yaml", "seed: 1\n");
    std::string metrics;
    for (int step = 1; step <= 20; ++step) {
      metrics += concat(R"({"step":)", step, R"(,"stage":"grpo","loss":)", 2 - 0.1 * (step - 1),
                        R"(,"reward":)", step, R"(,"kl":0,"tokens":100,"seconds":0.5})", "\n");
    }
    write("grpo/metrics.jsonl", metrics + R"({"step":21,"sta)");
    write("grpo/evaluations.jsonl",
          "{\"step\":0,\"mean_f1\":10}\n{\"step\":20,\"mean_f1\":55.5,\"completion_length\":40}\n");
    write("base/config.yaml", "seed: 1\n");
    write("base/evaluation.json",
          R"({"mean_f1":12.345,"precision":20,"recall":9.5,"split":"test","model":"a&b"})");
    write("base/predictions/step-00000000.jsonl", "{}\n");
    write("base/predictions/test.jsonl",
          R"({"sentence":"<script>x</script>","entities":[{"text":"Ann","label":"person"}],)"
          R"("predicted":[{"text":"A & B","label":"place"}],"completion":"<answer>"})"
          "\n");
    write("notes/readme.txt", "no run");
  }

  fs::path root_;
};

TEST_F(ReportTest, FindsRunsInOrderAndLeavesOutAHalfWrittenLine) {
  write_runs();
  const auto runs = read_runs(root_);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].name, "base");
  EXPECT_EQ(runs[1].name, "grpo");
  EXPECT_EQ(runs[1].metrics.size(), 20u);
  EXPECT_EQ(runs[1].unread_lines, 0u);
  EXPECT_EQ(runs[0].predictions_file, "test.jsonl");
}

TEST_F(ReportTest, ReadsOneRunFolderItself) {
  write_runs();
  const auto runs = read_runs(root_ / "grpo" / "");
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].name, "grpo");
}

TEST_F(ReportTest, ShowsMeansOfTheFirstAndLastTenth) {
  write_runs();
  const auto runs = read_runs(root_);
  EXPECT_THAT(training_table(runs).rows,
              ElementsAre(ElementsAre("grpo", "grpo", "20", "1.9500", "0.1500", "1.500", "19.500",
                                      "200", "10.0")));
  EXPECT_THAT(
      evaluation_table(runs).rows,
      ElementsAre(
          ElementsAre("base", "test", "12.35", "20.00", "9.50", "-", "-", "-", "-", "-"),
          ElementsAre("grpo", "dev, step 20", "55.50", "-", "-", "-", "-", "-", "40.0", "-")));
}

// Rates of several steps are means over their tokens; a run of an earlier version has no row.
TEST_F(ReportTest, ShowsHowCompletionsWereDrawn) {
  write_runs();
  EXPECT_THAT(sampling_table(read_runs(root_)).rows, IsEmpty());
  write("base/sampling.json",
        R"({"sampled_tokens":60,"sampling_tokens_per_second":30,"drafted_tokens":0,)"
        R"("draft_acceptance":null,"preemptions":0,"recomputed_rows":0,"kv_pages_peak":7,)"
        R"("kv_pages":8,"seconds":2})");
  write("grpo/metrics.jsonl",
        R"({"step":1,"stage":"grpo","sampled_tokens":100,"sampling_tokens_per_second":50,)"
        R"("drafted_tokens":10,"draft_acceptance":0.5,"preemptions":1,"recomputed_rows":16,)"
        R"("kv_pages_peak":5,"kv_pages":9})"
        "\n"
        R"({"step":2,"stage":"grpo","sampled_tokens":200,"sampling_tokens_per_second":200,)"
        R"("drafted_tokens":30,"draft_acceptance":0.9,"preemptions":2,"recomputed_rows":4,)"
        R"("kv_pages_peak":6,"kv_pages":9})"
        "\n");
  const auto runs = read_runs(root_);
  EXPECT_THAT(
      sampling_table(runs).rows,
      ElementsAre(ElementsAre("base", "evaluate", "60", "30", "0", "-", "0", "0", "7", "8"),
                  ElementsAre("grpo", "grpo", "300", "100", "40", "0.80", "3", "20", "6", "9")));
  EXPECT_DOUBLE_EQ(summary_json(runs).at("sampling").at(1).at("draft_acceptance").as_double(), 0.8);
  EXPECT_THAT(report_page("runs", runs), HasSubstr("<h2>Sampling</h2>"));
}

TEST_F(ReportTest, NamesTheBestEvaluatedCheckpointAndItsEvaluation) {
  write("sft/config.yaml", "");
  write("sft/evaluations.jsonl",
        "{\"step\":0,\"loss\":0.5}\n{\"step\":4,\"loss\":1.25}\n{\"step\":8,\"loss\":2}\n");
  write("sft/checkpoints/step-00000004/manifest.yaml", "");
  write("sft/checkpoints/step-00000008/manifest.yaml", "");
  const auto runs = read_runs(root_);
  ASSERT_TRUE(runs[0].best.has_value());
  EXPECT_EQ(runs[0].best->step, 4);
  EXPECT_EQ(runs[0].best->folder, root_ / "sft" / "checkpoints" / "step-00000004");
  EXPECT_THAT(
      evaluation_table(runs).rows,
      ElementsAre(ElementsAre("sft", "dev, step 4 (best saved)", "-", "-", "-", "-", "-", "-", "-",
                              "1.2500"),
                  ElementsAre("sft", "dev, step 8", "-", "-", "-", "-", "-", "-", "-", "2.0000")));
  const json::object best = summary_json(runs).at("best").at(0).as_object();
  EXPECT_EQ(find_text(best, "run"), "sft");
  EXPECT_EQ(find_number(best, "step"), 4);
  EXPECT_EQ(find_text(best, "checkpoint"), runs[0].best->folder.string());
  const std::string page = report_page("runs", runs);
  EXPECT_THAT(page, HasSubstr("Best evaluated checkpoint: step-00000004"));
  EXPECT_THAT(page, HasSubstr("Loss on the development set"));
}

TEST_F(ReportTest, TextIsAlignedWithoutTrailingBlanks) {
  const Table table{{"run", "split", "F1"}, {{"base", "test", "5.00"}, {"x", "-", "-"}}};
  EXPECT_EQ(to_text(table),
            "run   split    F1\n"
            "base  test   5.00\n"
            "x     -         -\n");
}

TEST_F(ReportTest, JsonHoldsNumbersAndNulls) {
  write_runs();
  const json::object summary = summary_json(read_runs(root_));
  const json::object& base = summary.at("evaluations").at(0).as_object();
  EXPECT_DOUBLE_EQ(base.at("mean_f1").as_double(), 12.345);
  EXPECT_TRUE(base.at("completion_length").is_null());
  EXPECT_DOUBLE_EQ(summary.at("training").at(0).at("tokens_per_second").as_double(), 200);
}

TEST_F(ReportTest, PageIsEscapedAndLoadsNothing) {
  write_runs();
  const std::string page = report_page("a <b>", read_runs(root_));
  EXPECT_THAT(page, HasSubstr("<title>a &lt;b&gt;</title>"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;x&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("A &amp; B <i>place</i>"));
  EXPECT_THAT(page, HasSubstr("Ann <i>person</i>"));
  EXPECT_THAT(page, HasSubstr("aria-label=\"Loss by step, last 0.1\""));
  EXPECT_THAT(page, HasSubstr("F1 on the development set"));
  EXPECT_THAT(page, Not(HasSubstr("Entropy")));
  for (const char* outside : {"<script", "src=", "href=", "http"}) {
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  }
}

TEST_F(ReportTest, WorksWithNoRunsAndWithARunThatHasNoStep) {
  EXPECT_THAT(report_page("runs", {}), HasSubstr("There are no runs here."));
  write("sft/config.yaml", "");
  EXPECT_THAT(report_page("runs", read_runs(root_)), HasSubstr("No step is finished yet."));
}

TEST_F(ReportTest, ReadsLinesDefensively) {
  write("run/config.yaml", "");
  write("run/metrics.jsonl", "[1]\n{\"step\":\"x\",\"loss\":null,\"stage\":3}\nnot json\n\n");
  const auto runs = read_runs(root_);
  EXPECT_EQ(runs[0].unread_lines, 2u);
  EXPECT_THAT(training_table(runs).rows,
              ElementsAre(ElementsAre("run", "-", "1", "-", "-", "-", "-", "-", "0.0")));
  EXPECT_THAT(report_page("runs", runs), HasSubstr("2 lines are no JSON objects"));
}

TEST_F(ReportTest, AFolderWithoutRunsIsADataError) {
  for (const fs::path& folder : {root_, root_ / "absent"}) {
    try {
      read_runs(folder);
      ADD_FAILURE() << folder << " was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData);
      EXPECT_THAT(error.what(), HasSubstr(folder.string()));
    }
  }
}

TEST(ChartTest, DrawsOnePointAndEqualAndExtremeValues) {
  EXPECT_THAT(to_svg({"one", {{3, 0.5}}, ChartStyle::kNoisy}), HasSubstr("class=\"mark\""));
  for (const double value : {0.0, 1e-300, -1e99, 1e300}) {
    const std::string svg = to_svg({"equal", {{1, value}, {2, value}}, ChartStyle::kNoisy});
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
  }
  EXPECT_EQ(to_svg({"none", {}, ChartStyle::kNoisy}), "");
}

TEST(ChartTest, ManyPointsAreThinned) {
  Chart chart{"many", {}, ChartStyle::kNoisy};
  for (int i = 0; i < 100000; ++i) {
    chart.points.push_back({static_cast<double>(i), static_cast<double>(i % 7)});
  }
  const std::string svg = to_svg(chart);
  EXPECT_LT(svg.size(), 100000u);
  EXPECT_THAT(svg, HasSubstr("class=\"pale\""));
}

}  // namespace
}  // namespace cogent::launch
