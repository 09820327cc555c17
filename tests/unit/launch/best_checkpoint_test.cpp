#include "launch/report/best_checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace cogent::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

std::vector<json::object> lines(const std::vector<std::string>& texts) {
  std::vector<json::object> objects;
  for (const std::string& text : texts) {
    objects.push_back(parse_json_object(text, "a line"));
  }
  return objects;
}

TEST(VersionsByScore, TakeTheHighestF1AndTheEarlierOfEqualOnes) {
  EXPECT_THAT(versions_by_score(lines({R"({"step":0,"mean_f1":10})", R"({"step":2,"mean_f1":30.5})",
                                       R"({"step":4,"mean_f1":7})", R"({"step":6,"mean_f1":30.5})",
                                       R"({"step":8,"mean_f1":10})"})),
              ElementsAre(2, 6, 0, 8, 4));
}

TEST(VersionsByScore, TakeTheLowestLossWhereTheLastLineHasNoF1) {
  EXPECT_THAT(versions_by_score(lines({R"({"step":2,"loss":2,"mean_f1":9})",
                                       R"({"step":4,"loss":1})", R"({"step":6,"loss":3})"})),
              ElementsAre(4, 2, 6));
}

TEST(VersionsByScore, GoByF1WhereBothAreMeasured) {
  EXPECT_THAT(versions_by_score(lines(
                  {R"({"step":2,"loss":1,"mean_f1":9})", R"({"step":4,"loss":2,"mean_f1":50})"})),
              ElementsAre(4, 2));
}

TEST(VersionsByScore, LeaveOutLinesWithoutTheNumber) {
  EXPECT_THAT(versions_by_score({}), IsEmpty());
  EXPECT_THAT(versions_by_score(lines({R"({"step":2,"loss":null})", R"({"loss":1})",
                                       R"({"step":4,"mean_f1":1})", R"({"step":6,"loss":4})"})),
              ElementsAre(6));
}

class EvaluatedCheckpoints : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    run_ = fs::path(::testing::TempDir()) / "cogent_best_checkpoint_test" / info->name();
    fs::remove_all(run_);
    fs::create_directories(run_);
  }
  void save(const std::string& name) { fs::create_directories(run_ / "checkpoints" / name); }
  void evaluate(const std::string& text) { std::ofstream(run_ / "evaluations.jsonl") << text; }

  fs::path run_;
};

TEST_F(EvaluatedCheckpoints, AreThoseThatStand) {
  evaluate(
      "{\"step\":0,\"loss\":0}\n{\"step\":2,\"loss\":3}\n{\"step\":4,\"loss\":1}\n"
      "{\"step\":6,\"loss\":2}\n{\"step\":8,\"lo");
  EXPECT_THAT(evaluated_checkpoints(run_), IsEmpty());
  save("step-00000002");
  save("step-00000003");
  save("step-00000004.tmp");
  save("step-00000006");
  save("step-00000008");
  EXPECT_THAT(evaluated_checkpoints(run_), ElementsAre(6, 2));
}

// A save behind step N may find the line of version N or not: it must not matter.
TEST_F(EvaluatedCheckpoints, BeforeAStepDependOnEarlierLinesAlone) {
  for (const char* step : {"step-00000002", "step-00000004", "step-00000006"}) {
    save(step);
  }
  const std::string earlier =
      "{\"step\":2,\"mean_f1\":3,\"loss\":9}\n{\"step\":4,\"mean_f1\":1,\"loss\":4}\n";
  evaluate(earlier);
  EXPECT_THAT(evaluated_checkpoints(run_, 6), ElementsAre(2, 4));
  evaluate(earlier + "{\"step\":6,\"loss\":1}\n");
  EXPECT_THAT(evaluated_checkpoints(run_, 6), ElementsAre(2, 4));
  EXPECT_THAT(evaluated_checkpoints(run_), ElementsAre(6, 4, 2));
  EXPECT_THAT(evaluated_checkpoints(run_, 4), ElementsAre(2));
}

TEST_F(EvaluatedCheckpoints, ARunWithoutEvaluationsHasNone) {
  save("step-00000002");
  EXPECT_THAT(evaluated_checkpoints(run_), IsEmpty());
  EXPECT_EQ(best_checkpoint(run_), std::nullopt);
}

TEST_F(EvaluatedCheckpoints, ThatAreNotValidArePassedOver) {
  evaluate("{\"step\":2,\"loss\":3}\n");
  save("step-00000002");  // without a manifest
  EXPECT_EQ(best_checkpoint(run_), std::nullopt);
}

}  // namespace
}  // namespace cogent::launch
