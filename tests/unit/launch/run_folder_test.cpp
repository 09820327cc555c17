#include "launch/run_folder.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>

namespace cogent::launch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PrepareRunFolder : public ::testing::Test {
 protected:
  PrepareRunFolder() {
    config_.run.dir = ::testing::TempDir() + "cogent_run_folder_test";
    std::filesystem::remove_all(config_.run.dir);
    RunFolder::prepare(config_, ExistingRun::kRefuse);
  }
  ~PrepareRunFolder() override { std::filesystem::remove_all(config_.run.dir); }

  RunConfig config_;
};

TEST_F(PrepareRunFolder, OperationalKeysMayChange) {
  config_.cluster.learners = 3;
  config_.train.eval_every = 7;
  RunFolder::prepare(config_, ExistingRun::kContinue);
}

TEST_F(PrepareRunFolder, NamesTheArithmeticKeysThatDiffer) {
  config_.cluster.learners = 3;
  config_.grpo.beta = 0.25;
  config_.optimizer.eps = 0.5;
  config_.reward.command = {"python3", "reward.py"};
  try {
    RunFolder::prepare(config_, ExistingRun::kContinue);
    FAIL() << "another arithmetic is taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("grpo.beta was 0.04, is 0.25; "),
                      HasSubstr("optimizer.eps was 1e-08, is 0.5"),
                      HasSubstr(R"(reward.command was [], is ["python3", "reward.py"])"),
                      Not(HasSubstr("learners"))));
  }
}

TEST_F(PrepareRunFolder, RefusesAFolderThatIsToBeFresh) {
  EXPECT_THROW(RunFolder::prepare(config_, ExistingRun::kRefuse), Error);
}

}  // namespace
}  // namespace cogent::launch
