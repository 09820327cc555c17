#include "core/records/rollout_json.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace cogent {
namespace {

RolloutGroup group(std::uint32_t step, std::uint32_t prompt_id) {
  RolloutGroup made;
  made.step = step;
  made.prompt_id = prompt_id;
  made.prompt_ids = {5, 9};
  made.round = 3;
  made.policy_version = step;
  return made;
}

Completion completion() {
  Completion made;
  made.ids = {41, 2};
  made.logprobs = {-0.1f, -1.0f / 3};
  made.rewards = {{"f1", 0.75}, {"schema", 1}};
  made.reward = 8.5;
  made.finish = Finish::kLength;
  return made;
}

// What a run records is read back as it was, also a group whose rewards all failed.
TEST(RolloutJson, RecordedGroupsAreReadBack) {
  std::vector<RolloutGroup> written = {group(0, 17), group(0, 3), group(1, 4)};
  written[0].completions = {completion(), completion()};
  const std::filesystem::path folder = ::testing::TempDir() + "cogent_rollout_json";
  std::filesystem::create_directories(folder);
  std::ofstream file(folder / "rollouts.jsonl");
  for (const RolloutGroup& each : written) {
    file << to_json_line(to_json(each)) << "\n";
  }
  file.close();

  const std::vector<std::vector<RolloutGroup>> batches = read_rollout_batches(folder);
  ASSERT_EQ(batches.size(), 2u);
  ASSERT_EQ(batches[0].size(), 2u);
  ASSERT_EQ(batches[1].size(), 1u);
  const RolloutGroup& first = batches[0][0];
  EXPECT_EQ(first.prompt_id, 17u);
  EXPECT_EQ(first.round, 3u);
  EXPECT_EQ(first.prompt_ids, written[0].prompt_ids);
  ASSERT_EQ(first.completions.size(), 2u);
  EXPECT_EQ(first.completions[1].ids, completion().ids);
  EXPECT_EQ(first.completions[1].logprobs, completion().logprobs) << "bit by bit";
  EXPECT_EQ(first.completions[1].reward, completion().reward);
  EXPECT_EQ(first.completions[1].rewards, completion().rewards);
  EXPECT_EQ(first.completions[1].finish, Finish::kLength);
  EXPECT_TRUE(batches[0][1].completions.empty());
  EXPECT_EQ(batches[1][0].policy_version, 1u);
  EXPECT_TRUE(batches[1][0].completions.empty());
}

std::vector<std::vector<RolloutGroup>> read_back(const std::string& lines) {
  const std::filesystem::path file = ::testing::TempDir() + "cogent_rollout_lines.jsonl";
  std::ofstream(file) << lines;
  return read_rollout_batches(file);
}

std::string lines_of(std::int64_t step, const std::vector<RolloutGroup>& groups) {
  std::string lines;
  for (const json::object& line : step_lines(step, groups)) {
    lines += to_json_line(line) + "\n";
  }
  return lines;
}

TEST(RolloutJson, AStepWithoutGroupsKeepsItsPlace) {
  const std::string empty = lines_of(1, {});
  EXPECT_EQ(empty, "{\"step\":1,\"empty\":true}\n");
  const std::string first = lines_of(0, {group(0, 4), group(0, 5)});
  const auto batches = read_back(first + empty + lines_of(2, {group(2, 6)}) + lines_of(3, {}));
  ASSERT_EQ(batches.size(), 4u);
  EXPECT_EQ(batches[0].size(), 2u);
  EXPECT_TRUE(batches[1].empty());
  EXPECT_EQ(batches[2].size(), 1u);
  EXPECT_TRUE(batches[3].empty());
  EXPECT_THROW(read_back(empty + lines_of(1, {group(1, 4)})), Error);
  EXPECT_THROW(read_back(lines_of(1, {group(1, 4)}) + empty), Error);
  EXPECT_THROW(read_back(empty + empty), Error);
  EXPECT_THROW(read_back("{\"step\":1,\"empty\":false}\n"), Error);
}

// As written before dynamic sampling.
TEST(RolloutJson, AGroupWithoutARoundIsOfTheFirst) {
  json::object line = to_json(group(0, 1));
  line.erase("round");
  EXPECT_EQ(read_back(to_json_line(line) + "\n")[0][0].round, 0u);
}

TEST(RolloutJson, AGroupWithoutItsListIsADataError) {
  json::object line = to_json(group(0, 1));
  line.erase("completions");
  try {
    read_back(to_json_line(line) + "\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("line 1"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("completions"));
  }
}

}  // namespace
}  // namespace cogent
