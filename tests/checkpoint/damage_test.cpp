#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/log.hpp"
#include "tests/checkpoint/small_model.hpp"
#include "tests/checkpoint/thread_communicator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace cogent::distributed {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

void overwrite(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Two checkpoints of two learners; the newer one is damaged by the tests.
class Damage : public ::testing::Test {
 protected:
  void SetUp() override {
    set_log_level(LogLevel::kError);
    ASSERT_THAT(save_steps(scratch_.path(), 2, {1, 2}), Each(""));
  }
  void TearDown() override { set_log_level(LogLevel::kInfo); }
  fs::path newest() const { return scratch_.path() / "step-00000002"; }
  // The reason that is given where nothing else stands.
  std::string reason() {
    EXPECT_EQ(find_step(scratch_.path()), 1);
    fs::remove_all(scratch_.path() / "step-00000001");
    return find_error(scratch_.path());
  }

  ScratchFolder scratch_;
};

TEST_F(Damage, OneFlippedBitAnywhereIsFound) {
  const auto self = make_self_communicator("self");
  CheckpointStore store(scratch_.path(), *self, 1);
  int flips = 0;
  for (const std::string& name : entries(newest())) {
    const std::string bytes = read_file(newest() / name, ErrorCode::kUnexpected);
    const std::size_t stride = std::max<std::size_t>(1, bytes.size() / 120);
    for (std::size_t at = 0; at < bytes.size(); at += stride, ++flips) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (flips % 8)));
      overwrite(newest() / name, damaged);
      ASSERT_EQ(store.find_latest()->step, 1) << name << " byte " << at;
    }
    overwrite(newest() / name, bytes);
    ASSERT_EQ(store.find_latest()->step, 2) << name;
  }
  EXPECT_GT(flips, 300);
}

TEST_F(Damage, EveryTruncationIsFound) {
  const auto self = make_self_communicator("self");
  CheckpointStore store(scratch_.path(), *self, 1);
  for (const std::string& name : entries(newest())) {
    const std::string bytes = read_file(newest() / name, ErrorCode::kUnexpected);
    const std::size_t stride = std::max<std::size_t>(1, bytes.size() / 20);
    for (std::size_t size = 0; size < bytes.size(); size += stride) {
      overwrite(newest() / name, bytes.substr(0, size));
      ASSERT_EQ(store.find_latest()->step, 1) << name << " cut to " << size;
    }
    overwrite(newest() / name, bytes + "x");
    ASSERT_EQ(store.find_latest()->step, 1) << name << " with a byte more";
    overwrite(newest() / name, bytes);
  }
}

TEST_F(Damage, ATruncatedFileGivesBothSizes) {
  const auto size = fs::file_size(newest() / "learner-0001.h5");
  fs::resize_file(newest() / "learner-0001.h5", 100);
  EXPECT_THAT(reason(), AllOf(HasSubstr("learner-0001.h5 has 100 bytes"),
                              HasSubstr(concat("the manifest says ", size)),
                              HasSubstr("never begins again at step 0")));
}

TEST_F(Damage, AMissingFileIsNamed) {
  fs::remove(newest() / "learner-0000.h5");
  EXPECT_THAT(reason(),
              AllOf(HasSubstr("learner-0000.h5"), HasSubstr("No such file or directory")));
}

TEST_F(Damage, AFolderWithoutAManifestIsNotAnEmptyRun) {
  fs::remove(newest() / "manifest.yaml");
  EXPECT_THAT(reason(), AllOf(HasSubstr("manifest.yaml"), HasSubstr("No such file or directory")));
}

TEST_F(Damage, AManifestCutInHalfIsNamed) {
  const std::string bytes = read_file(newest() / "manifest.yaml", ErrorCode::kUnexpected);
  overwrite(newest() / "manifest.yaml", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(reason(), AllOf(HasSubstr("step-00000002/manifest.yaml is cut off or damaged"),
                              HasSubstr(concat(bytes.size() / 2, " bytes"))));
}

TEST_F(Damage, AnUnknownVersionGivesBoth) {
  std::string body = read_file(newest() / "manifest.yaml", ErrorCode::kUnexpected);
  body.resize(body.rfind("manifest_xxh3"));
  body.replace(body.find("version: 1"), 10, "version: 9");
  overwrite(newest() / "manifest.yaml", body + "manifest_xxh3: \"" + hex64(xxh3(body)) + "\"\n");
  EXPECT_THAT(reason(), HasSubstr("has format version 9, this program reads version 1"));
}

TEST_F(Damage, AFolderOfAnotherStepIsPassedOver) {
  fs::rename(newest(), scratch_.path() / "step-00000007");
  EXPECT_THAT(reason(), HasSubstr("step-00000007 holds step 2"));
}

TEST_F(Damage, AllRanksPassOverTheSameOne) {
  const std::string bytes = read_file(newest() / "learner-0001.h5", ErrorCode::kUnexpected);
  overwrite(newest() / "learner-0001.h5", bytes.substr(1) + "x");
  const auto errors = run_ranks(3, [&](Communicator& learners) {
    CheckpointStore store(scratch_.path(), learners, 1);
    const auto state = store.find_latest();
    check(state && state->step == 1, ErrorCode::kUnexpected, "another checkpoint");
  });
  EXPECT_THAT(errors, Each(""));
  fs::remove_all(scratch_.path() / "step-00000001");
  EXPECT_THAT(run_ranks(3,
                        [&](Communicator& learners) {
                          CheckpointStore(scratch_.path(), learners, 1).find_latest();
                        }),
              Each(AllOf(HasSubstr("none of the 1 checkpoints"), HasSubstr("is damaged"))));
  EXPECT_THROW(latest_checkpoint(scratch_.path()), Error);
}

TEST_F(Damage, LoadChecksWhatItReads) {
  const std::string bytes = read_file(newest() / "learner-0000.h5", ErrorCode::kUnexpected);
  std::string damaged = bytes;
  damaged[bytes.size() / 2] = static_cast<char>(damaged[bytes.size() / 2] ^ 1);
  overwrite(newest() / "learner-0000.h5", damaged);
  const auto self = make_self_communicator("self");
  CheckpointStore store(scratch_.path(), *self, 1);
  SmallShards shards(0, 1);
  EXPECT_THROW(store.load(2, shards.targets()), Error);
}

TEST_F(Damage, UnfinishedFoldersAndOtherNamesAreNotCheckpoints) {
  for (const char* name : {"step-00000003.tmp", "step-4", "step-00000005.old", "best", "step-",
                           "step-99999999999999999999", "step--0000001"}) {
    fs::create_directory(scratch_.path() / name);
  }
  EXPECT_EQ(find_step(scratch_.path()), 2);
}

}  // namespace
}  // namespace cogent::distributed
