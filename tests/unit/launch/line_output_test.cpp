#include "launch/line_output.hpp"

#include "core/base/files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace cogent::launch {
namespace {

namespace fs = std::filesystem;

class LineOutputFile : public ::testing::Test {
 protected:
  LineOutputFile() : dir_(fs::path(::testing::TempDir()) / "line_output_test") {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    path_ = (dir_ / "lines.jsonl").string();
  }
  ~LineOutputFile() override { fs::remove_all(dir_); }

  static std::string text(const fs::path& path) { return read_file(path, ErrorCode::kData); }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  fs::path partial() const { return path_ + ".partial"; }

  fs::path dir_;
  std::string path_;
};

TEST_F(LineOutputFile, TakesItsNameOnceItIsFinished) {
  write(path_, "earlier\n");
  LineOutput output(path_);
  output.write({{"a", 1}});
  output.flush();
  EXPECT_EQ(text(path_), "earlier\n");
  output.write({{"a", 2}});
  output.finish();
  EXPECT_EQ(text(path_), "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_FALSE(fs::exists(partial()));
}

TEST_F(LineOutputFile, KeepsItsLinesAndTheEarlierFileWhereItIsNotFinished) {
  write(path_, "earlier\n");
  {
    LineOutput output(path_);
    output.write({{"a", 1}});
  }
  EXPECT_EQ(text(path_), "earlier\n");
  EXPECT_EQ(text(partial()), "{\"a\":1}\n");
}

TEST_F(LineOutputFile, LeavesNothingWhereNothingWasWritten) {
  { LineOutput output(path_); }
  EXPECT_TRUE(fs::is_empty(dir_));
}

TEST_F(LineOutputFile, IsEmptyWhereItIsFinishedWithoutALine) {
  LineOutput output(path_);
  output.finish();
  EXPECT_EQ(text(path_), "");
}

TEST_F(LineOutputFile, KeepsLinksAndPermissions) {
  const fs::path target = dir_ / "target.jsonl";
  write(target, "earlier\n");
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(target, path_);
  LineOutput output(path_);
  output.write({{"a", 1}});
  output.finish();
  EXPECT_TRUE(fs::is_symlink(path_));
  EXPECT_EQ(text(target), "{\"a\":1}\n");
  EXPECT_EQ(fs::status(target).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(LineOutputFile, SaysThatTheDiskIsFullAndTouchesNoDevice) {
  LineOutput output("/dev/full");
  output.write({{"a", 1}});  // Stays in the stream's buffer.
  try {
    output.finish();
    FAIL() << "a full disk is not seen";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_NE(std::string(error.what()).find("/dev/full"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(fs::is_regular_file("/dev/full"));
}

TEST_F(LineOutputFile, NamesWhatCannotBeOpened) {
  EXPECT_THROW(LineOutput((dir_ / "absent" / "lines.jsonl").string()), Error);
  EXPECT_THROW(LineOutput(dir_.string()), Error);
}

}  // namespace
}  // namespace cogent::launch
