#include "distributed/checkpoint/manifest.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "tests/checkpoint/small_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogent::distributed {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Manifest small_manifest() {
  Manifest manifest;
  manifest.generation = 3;
  manifest.state = testing::small_state(12);
  manifest.files = {{"learner-0000.h5", {2048, 0xff}}, {"config.json", {10, 1}}};
  manifest.shapes = {{"w", {2, 3}}, {"b", {4}}};
  manifest.pieces = {{"learner-0000.h5", ShardKind::kWeight, "w", 0, 6, 17},
                     {"learner-0000.h5", ShardKind::kExpAvgSq, "b", 1, 3, 18}};
  return manifest;
}

std::string body_error(std::string body, const std::string& from, const std::string& to) {
  const auto at = body.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  try {
    parse_manifest_body(body.replace(at, from.size(), to), "m.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCheckpoint);
    return error.what();
  }
  return "";
}

TEST(Manifest, RoundTrip) {
  const Manifest manifest = small_manifest();
  const std::string text = write_manifest(manifest);
  const Manifest found = parse_manifest(text, "m.yaml");
  EXPECT_EQ(write_manifest(found), text);
  EXPECT_EQ(found.generation, 3u);
  EXPECT_TRUE(testing::same_state(found.state, manifest.state));
  EXPECT_EQ(found.shapes, manifest.shapes);
  ASSERT_EQ(found.files.size(), 2u);
  EXPECT_EQ(found.files[0].facts.size, 2048u);
  ASSERT_EQ(found.pieces.size(), 2u);
  EXPECT_EQ(found.pieces[1].kind, ShardKind::kExpAvgSq);
  EXPECT_EQ(found.pieces[1].offset, 1);
}

TEST(Manifest, EveryFieldIsChecked) {
  const std::string body = write_manifest(small_manifest());
  const auto error = [&](const std::string& from, const std::string& to) {
    return body_error(body, from, to);
  };
  EXPECT_EQ(error("count: 6", "count: 6"), "");
  EXPECT_THAT(error("count: 6", "count: 7"), HasSubstr("7 values at 0 of w, which has 6"));
  EXPECT_THAT(error("count: 6", "count: -6"), HasSubstr("pieces[0]: count is -6"));
  EXPECT_THAT(error("count: 6", "count: 9223372036854775808"), HasSubstr("no count"));
  EXPECT_THAT(error("offset: 1", "offset: 9223372036854775807"), HasSubstr("which has 4"));
  EXPECT_THAT(error("kind: weight", "kind: weights"), HasSubstr("weights, the kinds are"));
  EXPECT_THAT(error("[2, 3]", "[2, 0]"), HasSubstr("dimension of 0"));
  EXPECT_THAT(error("[2, 3]", "[4294967296, 4294967296]"), HasSubstr("2^62"));
  EXPECT_THAT(error("[2, 3]", "6"), HasSubstr("not a list"));
  EXPECT_THAT(error("\"config.json\"", "\"../config.json\""), HasSubstr("../config.json"));
  EXPECT_THAT(error("\"config.json\"", "\"learner-0000.h5\""), HasSubstr("twice"));
  EXPECT_THAT(error("\"learner-0000.h5\"", "\"other.h5\""), HasSubstr("files does not list"));
  EXPECT_THAT(error("stage:", "stages:"), HasSubstr("has no key stage"));
  EXPECT_THAT(error("\"fedcba9876543210\"", "\"fedc\""), HasSubstr("16 digits"));
  EXPECT_THAT(error("cogent-checkpoint", "else"), HasSubstr("not the manifest"));
  EXPECT_THAT(error("version: 1", "version: 2"), HasSubstr("format version 2"));
  EXPECT_THAT(error("format:", "{format:"), HasSubstr("not YAML"));
  EXPECT_THAT(error("counters:", "counters: 3\n  others:"), HasSubstr("counters is not a map"));
}

TEST(Manifest, OfAnAdapterHasTheHashOfItsBase) {
  Manifest manifest = small_manifest();
  EXPECT_THAT(write_manifest(manifest), Not(HasSubstr("base_xxh3")));
  manifest.state.base_xxh3 = 0xab;
  const std::string text = write_manifest(manifest);
  EXPECT_THAT(text, HasSubstr("base_xxh3: \"00000000000000ab\""));
  EXPECT_TRUE(testing::same_state(parse_manifest(text, "m.yaml").state, manifest.state));
  EXPECT_THAT(body_error(text, "\"00000000000000ab\"", "\"ab\""), HasSubstr("16 digits"));
}

TEST(Manifest, BytesThatAreNoManifest) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("manifest_xxh3: \"0000000000000000\"\n"),
        std::string("[]\n"), std::string(100, '\0'), std::string(100000, '[')}) {
    EXPECT_THROW(parse_manifest(text, "m.yaml"), Error);
    EXPECT_THROW(parse_manifest_body(text, "m.yaml"), Error);
  }
}

TEST(Manifest, FirstGap) {
  const ManifestPiece a{"f", ShardKind::kWeight, "w", 0, 4, 0};
  const ManifestPiece b{"f", ShardKind::kWeight, "w", 6, 4, 0};
  const auto gap = [&](std::int64_t begin, std::int64_t end) {
    const auto found = first_gap({&b, &a}, begin, end);
    return found ? std::pair(found->begin, found->end) : std::pair<std::int64_t, std::int64_t>();
  };
  using Range = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(gap(0, 4), Range());
  EXPECT_EQ(gap(7, 10), Range());
  EXPECT_EQ(gap(3, 9), Range(4, 6));
  EXPECT_EQ(gap(4, 5), Range(4, 5));
  EXPECT_EQ(gap(8, 12), Range(10, 12));
  EXPECT_EQ(gap(20, 21), Range(20, 21));
}

}  // namespace
}  // namespace cogent::distributed
