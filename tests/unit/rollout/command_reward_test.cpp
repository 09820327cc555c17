#include "rollout/reward/command_reward.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <thread>

namespace cogent::rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::duration<double> kLong{20};

std::vector<std::string> shell(const std::string& script) {
  return {"sh", "-c", script};
}

TEST(LineProcess, AnswersLineByLine) {
  LineProcess process(shell("while read -r line; do echo \"<$line>\"; done"));
  EXPECT_THAT(process.ask(std::vector<std::string>{"a", "b c"}, kLong),
              ElementsAre("<a>", "<b c>"));
  EXPECT_THAT(process.ask(std::vector<std::string>{"d"}, kLong), ElementsAre("<d>"));
  EXPECT_THAT(process.ask({}, kLong), IsEmpty());
  EXPECT_TRUE(process.running());
}

// More than any buffer between the two holds, while the other side writes too.
TEST(LineProcess, LargeBatchesDoNotBlock) {
  LineProcess process({"cat"});
  const std::vector<std::string> lines(300, std::string(20000, 'x'));
  EXPECT_EQ(process.ask(lines, kLong), lines);
}

TEST(LineProcess, OneThatEndsIsNamedAndStartedAgain) {
  LineProcess process(shell("read -r line; echo \"$line\"; exit 3"));
  EXPECT_THAT(process.ask(std::vector<std::string>{"a", "b"}, kLong), ElementsAre("a"));
  EXPECT_FALSE(process.running());
  EXPECT_THAT(process.failure(), HasSubstr("sh (process "));
  EXPECT_THAT(process.failure(), HasSubstr("ended with status 3"));
  process.restart();
  EXPECT_THAT(process.ask(std::vector<std::string>{"c"}, kLong), ElementsAre("c"));
}

TEST(LineProcess, OneThatIsKilledIsNamed) {
  LineProcess process({"cat"});
  ::kill(process.pid(), SIGKILL);
  EXPECT_THAT(process.ask(std::vector<std::string>{"a"}, kLong), IsEmpty());
  EXPECT_THAT(process.failure(), HasSubstr("was ended by signal 9"));
}

TEST(LineProcess, OneThatIsLateIsKilled) {
  LineProcess process(shell("read -r line; echo \"$line\"; sleep 600"));
  EXPECT_THAT(process.ask(std::vector<std::string>{"a", "b"}, std::chrono::duration<double>(0.2)),
              ElementsAre("a"));
  EXPECT_THAT(process.failure(), HasSubstr("has answered 1 of 2 lines in 0.2 s"));
  EXPECT_FALSE(process.running());
}

// Which of its lines was the surplus one is not known, so that none is an answer.
TEST(LineProcess, OneThatSaysTooMuchIsNotTrusted) {
  for (const char* surplus : {"printf 'a\\nb\\n'", "printf 'a\\nb'"}) {
    LineProcess process(shell(concat("read -r line; ", surplus, "; read -r line")));
    EXPECT_THAT(process.ask(std::vector<std::string>{"x"}, kLong), IsEmpty()) << surplus;
    EXPECT_FALSE(process.running());
    EXPECT_THAT(process.failure(), HasSubstr("more lines than it was asked"));
  }
}

// A file that a script makes when it has come so far.
class Mark {
 public:
  explicit Mark(const std::string& name) : path_(::testing::TempDir() + "cogent_mark_" + name) {
    std::filesystem::remove(path_);
  }
  const std::string& path() const { return path_; }
  void wait() const {
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (!std::filesystem::exists(path_) && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

 private:
  std::string path_;
};

TEST(LineProcess, OneThatSpeaksUnaskedIsNotTrusted) {
  const Mark mark("banner");
  LineProcess process(shell("echo welcome; : > " + mark.path() + "; exec cat"));
  mark.wait();
  EXPECT_THAT(process.ask(std::vector<std::string>{"a", "b"}, kLong), IsEmpty());
  EXPECT_FALSE(process.running());
  EXPECT_THAT(process.failure(), HasSubstr("sh (process "));
  EXPECT_THAT(process.failure(), HasSubstr("wrote a line that it was not asked for"));
}

// The surplus line comes behind the last answer, and the program ends before the next step: its end
// must not hide the line.
TEST(LineProcess, OneThatSpeaksUnaskedAndEndsIsNotTrusted) {
  const Mark asked("asked");
  LineProcess process(shell("read -r line; echo \"$line\"; until [ -e " + asked.path() +
                            " ]; do sleep 0.01; done; echo surplus"));
  EXPECT_THAT(process.ask(std::vector<std::string>{"a"}, kLong), ElementsAre("a"));
  std::ofstream(asked.path()) << "";
  siginfo_t ended;
  ::waitid(P_PID, static_cast<id_t>(process.pid()), &ended, WEXITED | WNOWAIT);
  process.restart();
  EXPECT_THAT(process.ask(std::vector<std::string>{"b"}, kLong), IsEmpty());
  EXPECT_THAT(process.failure(), HasSubstr("wrote a line that it was not asked for"));
  process.restart();
  EXPECT_THAT(process.ask(std::vector<std::string>{"c"}, kLong), ElementsAre("c"));
}

TEST(LineProcess, ALastAnswerWithoutALineEndCounts) {
  LineProcess process(shell("read -r a; read -r b; printf 'a\\nb'"));
  EXPECT_THAT(process.ask(std::vector<std::string>{"x", "y", "z"}, kLong), ElementsAre("a", "b"));
  EXPECT_THAT(process.failure(), HasSubstr("ended with status 0"));
}

TEST(LineProcess, BytesThatKeepComingDoNotMoveTheDeadline) {
  LineProcess process(
      shell("read -r a; for i in 1 2 3 4; do while printf x; do :; done & done; wait"));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(process.ask(std::vector<std::string>{"a"}, std::chrono::duration<double>(0.1)),
              IsEmpty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kLong / 2);
  EXPECT_THAT(process.failure(), HasSubstr("has answered 0 of 1 lines in 0.1 s"));
}

TEST(LineProcess, ALineHasABound) {
  LineProcess process(shell("read -r a; exec tr '\\0' x < /dev/zero"));
  EXPECT_THAT(process.ask(std::vector<std::string>{"a"}, kLong), IsEmpty());
  EXPECT_FALSE(process.running());
  EXPECT_THAT(process.failure(), HasSubstr("has written a line of more than 1048576 bytes"));
}

// It is seen at the next start, and costs no answer.
TEST(LineProcess, OneThatEndsBetweenTwoBatchesIsStartedAgain) {
  LineProcess process(shell("read -r line; echo \"$line\""));
  for (const char* line : {"a", "b"}) {
    process.restart();
    EXPECT_THAT(process.ask(std::vector<std::string>{line}, kLong), ElementsAre(line));
    siginfo_t ended;  // waits for its end and leaves its status to be taken
    ::waitid(P_PID, static_cast<id_t>(process.pid()), &ended, WEXITED | WNOWAIT);
  }
}

// It ignores the end of its input too, so that only a signal to itself ends it.
TEST(LineProcess, OneThatLeftItsProcessGroupIsKilled) {
  if (std::system("python3 -c '' >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "python3 is absent";
  }
  const std::vector<std::string> leaver = {
      "python3", "-c",
      "import os, time; os.setpgid(0, os.getpgid(os.getppid())); input(); "
      "print('a', flush=True); time.sleep(600)"};
  LineProcess late(leaver);
  EXPECT_THAT(late.ask(std::vector<std::string>{"x"}, kLong), ElementsAre("a"));
  EXPECT_THAT(late.ask(std::vector<std::string>{"y"}, std::chrono::duration<double>(0.1)),
              IsEmpty());
  EXPECT_FALSE(late.running());

  pid_t pid = -1;
  {
    LineProcess destroyed(leaver);
    EXPECT_THAT(destroyed.ask(std::vector<std::string>{"x"}, kLong), ElementsAre("a"));
    pid = destroyed.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1) << "it is still there";
}

TEST(LineProcess, OneThatIsNotThereIsAUsageError) {
  try {
    LineProcess process({"no-such-program-anywhere"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("no-such-program-anywhere"));
  }
}

std::vector<Example> examples() {
  std::vector<Example> made(2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    made[i].row = i;
    made[i].sentence = "Ada met Bo.";
    made[i].schema = {"person"};
    made[i].entities = {{i == 0 ? "Ada" : "Bo", "person"}};
  }
  return made;
}

std::vector<RolloutGroup> groups() {
  std::vector<RolloutGroup> made(2);
  for (RolloutGroup& group : made) {
    group.completions.resize(2);
    for (Completion& completion : group.completions) {
      completion.ids.resize(100);
      completion.reward = 10;
      completion.rewards = {{"f1", 1.0}};
    }
  }
  return made;
}

RewardSettings settings() {
  RewardSettings made;
  made.command_weight = 2;
  made.command_deadline_seconds = 20;
  return made;
}

const auto kText = [](const Completion&) { return std::string("Ada"); };

TEST(CommandReward, AddsItsWeightedValue) {
  LineProcess process(shell("while read -r line; do echo '{\"reward\": 0.25}'; done"));
  std::vector<RolloutGroup> scored = groups();
  EXPECT_EQ(CommandReward(process, settings()).score(examples(), scored, kText), 0);
  for (const RolloutGroup& group : scored) {
    ASSERT_EQ(group.completions.size(), 2u);
    EXPECT_EQ(group.completions[1].reward, 10.5);
    EXPECT_EQ(group.completions[1].rewards.back(),
              (std::pair<std::string, double>("command", .25)));
  }
}

TEST(CommandReward, WhatHasNoValueIsLeftOutOfItsGroup) {
  LineProcess process(
      shell("read -r a; echo '{\"reward\": 1}'; read -r a; echo '{\"error\": \"no\"}';"
            "read -r a; echo nonsense; read -r a; echo '{\"reward\": \"1\"}'; cat"));
  std::vector<RolloutGroup> scored = groups();
  EXPECT_EQ(CommandReward(process, settings()).score(examples(), scored, kText), 3);
  EXPECT_EQ(scored[0].completions.size(), 1u);
  EXPECT_TRUE(scored[1].completions.empty());
  EXPECT_TRUE(process.running()) << "its lines came one for one";
}

TEST(CommandReward, OneThatSaysTooMuchCostsTheWholeBatch) {
  LineProcess process(
      shell("read -r a; read -r a; read -r a; read -r a;"
            "for i in 1 2 3 4 5; do echo '{\"reward\": 1}'; done | cat"));
  std::vector<RolloutGroup> scored = groups();
  EXPECT_EQ(CommandReward(process, settings()).score(examples(), scored, kText), 4);
  EXPECT_TRUE(scored[0].completions.empty());
  EXPECT_TRUE(scored[1].completions.empty());
  EXPECT_FALSE(process.running());
}

// Its first line answers nothing, so that each id comes a line late.
TEST(CommandReward, AnIdThatWasNotAskedGivesNoValue) {
  LineProcess process(
      shell("echo '{\"reward\": 1}'; while read -r line; do"
            " id=$(echo \"$line\" | sed 's/.*\"id\":\\([0-9]*\\).*/\\1/');"
            " echo \"{\\\"reward\\\": 1, \\\"id\\\": $id}\"; done"));
  std::vector<RolloutGroup> scored = groups();
  EXPECT_GE(CommandReward(process, settings()).score(examples(), scored, kText), 3);
}

TEST(CommandReward, IdsGoOnFromBatchToBatch) {
  LineProcess process(
      shell("while read -r line; do"
            " id=$(echo \"$line\" | sed 's/.*\"id\":\\([0-9]*\\).*/\\1/');"
            " echo \"{\\\"reward\\\": $id, \\\"id\\\": $id}\"; done"));
  CommandReward reward(process, settings());
  for (int batch = 0; batch < 2; ++batch) {
    std::vector<RolloutGroup> scored = groups();
    EXPECT_EQ(reward.score(examples(), scored, kText), 0);
    EXPECT_EQ(scored[1].completions[1].rewards.back().second, 4 * batch + 3);
  }
}

TEST(CommandReward, AProgramThatDiesIsStartedAgainForTheNextBatch) {
  LineProcess process(shell("read -r a; echo '{\"reward\": 1}'; exit 1"));
  CommandReward reward(process, settings());
  for (int batch = 0; batch < 2; ++batch) {
    std::vector<RolloutGroup> scored = groups();
    EXPECT_EQ(reward.score(examples(), scored, kText), 3);
    EXPECT_EQ(scored[0].completions.size(), 1u);
  }
}

// The program of docs/rewards.md, as it stands there.
TEST(CommandReward, ThePythonOfTheDocumentation) {
  if (std::system("python3 -c '' >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "python3 is absent";
  }
  const std::filesystem::path page =
      std::filesystem::path(std::getenv("COGENT_SOURCE_DIR")) / "docs/rewards.md";
  const std::string text = read_file(page, ErrorCode::kData);
  const std::size_t begin = text.find("```python\n") + 10;
  const std::string program = ::testing::TempDir() + "cogent_reward_of_the_docs.py";
  std::ofstream(program) << text.substr(begin, text.find("```\n", begin) - begin);
  LineProcess process({"python3", program});
  std::vector<RolloutGroup> scored = groups();
  EXPECT_EQ(CommandReward(process, settings()).score(examples(), scored, kText), 0);
  EXPECT_EQ(scored[0].completions[0].reward, 10 + 2 * (1 + .5));
  EXPECT_EQ(scored[1].completions[0].reward, 10 + 2 * (0 + .5));
}

}  // namespace
}  // namespace cogent::rollout
