#include "rollout/extract.hpp"

#include <gtest/gtest.h>

namespace cogent::rollout {
namespace {

using Offsets = std::vector<std::optional<std::int64_t>>;

Offsets starts(std::string_view sentence, const std::vector<Mention>& mentions) {
  Offsets result;
  for (const LocatedMention& located : locate(sentence, mentions)) {
    result.push_back(located.start);
  }
  return result;
}

TEST(Locate, CountsCodePoints) {
  const std::vector<Mention> mentions = {{"Zoë", "person"}, {"Åre", "place"}};
  const auto located = locate("Añil: Zoë in Åre 🎿", mentions);
  EXPECT_EQ(located[0].start, 6);
  EXPECT_EQ(located[0].end, 9);
  EXPECT_EQ(located[1].start, 13);
  EXPECT_EQ(located[1].end, 16);
}

TEST(Locate, TheNthMentionIsTheNthOccurrence) {
  EXPECT_EQ(starts("Bo saw Bo.", {{"Bo", "a"}, {"Bo", "a"}, {"Bo", "a"}}),
            (Offsets{0, 7, std::nullopt}));
  EXPECT_EQ(starts("Bo saw Bo.", {{"Bo", "a"}, {"Bo", "b"}}), (Offsets{0, 7}));
}

TEST(Locate, LabelsShareTheOnlyOccurrence) {
  EXPECT_EQ(starts("In Rome.", {{"Rome", "place"}, {"Rome", "ancient city"}}), (Offsets{3, 3}));
}

TEST(Locate, WhatTheTextDoesNotHoldHasNoPlace) {
  EXPECT_EQ(starts("In Rome.", {{"rome", "place"}, {"", "place"}, {"Rome. And", "place"}}),
            (Offsets{std::nullopt, std::nullopt, std::nullopt}));
}

TEST(Extraction, WritesNullForNoOffset) {
  const Extraction extraction{
      .text = "In Rome.",
      .entities = locate("In Rome.", std::vector<Mention>{{"Rome", "place"}, {"Oslo", "place"}}),
      .cot = "Rome is a city."};
  EXPECT_EQ(to_json_line(to_json(extraction, ShowChain::kNo)),
            R"({"text":"In Rome.","entities":[{"text":"Rome","label":"place","start":3,"end":7},)"
            R"({"text":"Oslo","label":"place","start":null,"end":null}]})");
  EXPECT_EQ(to_json(extraction, ShowChain::kYes).at("cot").as_string(), "Rome is a city.");
}

}  // namespace
}  // namespace cogent::rollout
