#include "core/text/pre_tokenizer.hpp"

#include "core/base/error.hpp"
#include "core/text/byte_level.hpp"
#include "core/text/json_member.hpp"
#include "core/text/pattern.hpp"
#include "core/text/split.hpp"
#include "core/text/unicode_delta.hpp"
#include "core/text/utf8.hpp"

#include <unicode/uchar.h>

#include <array>
#include <utility>

namespace cogent::text {
namespace {

constexpr char kWhere[] = "the tokenizer's pre_tokenizer";
constexpr std::size_t kMaxSteps = 64;
constexpr char kGpt2Words[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// \w+|[^\w\s]+ with the \w of Rust's regular expressions, which is not Oniguruma's.
constexpr char kWordsOrSigns[] = R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}]+|)"
                                 R"([^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}\s]+)";

// GPT-2's words, then the byte spelling.
class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(const json::object& step)
      : add_prefix_space_(flag_or(step, "add_prefix_space", true, kWhere)),
        use_regex_(flag_or(step, "use_regex", true, kWhere)),
        words_(kGpt2Words) {}

  void cut(const std::string& word, Words& out) const override {
    const bool prefix = add_prefix_space_ && !word.starts_with(' ');
    const std::string text = prefix ? ' ' + word : word;
    if (!use_regex_) {
      out.push_back(to_byte_level(text));
      return;
    }
    const std::size_t first = out.size();
    append_words(text, stretches_of(text, words_), SplitBehavior::kIsolated, out);
    for (std::size_t i = first; i < out.size(); ++i) {
      out[i] = to_byte_level(out[i]);
    }
  }

 private:
  bool add_prefix_space_;
  bool use_regex_;
  Regex words_;
};

class SplitByPattern : public PreTokenizer {
 public:
  SplitByPattern(Regex pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void cut(const std::string& word, Words& out) const override {
    std::vector<Stretch> stretches = stretches_of(word, pattern_);
    for (Stretch& stretch : stretches) {
      stretch.delimiter = stretch.delimiter != invert_;
    }
    append_words(word, stretches, behavior_, out);
  }

 private:
  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

using CharacterTest = bool (*)(std::uint32_t);

class SplitByCharacter : public PreTokenizer {
 public:
  SplitByCharacter(CharacterTest is_delimiter, SplitBehavior behavior)
      : is_delimiter_(is_delimiter), behavior_(behavior) {}

  void cut(const std::string& word, Words& out) const override {
    append_words(word, stretches_of(word, is_delimiter_), behavior_, out);
  }

 private:
  CharacterTest is_delimiter_;
  SplitBehavior behavior_;
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const PreTokenizer>> steps)
      : steps_(std::move(steps)) {}

  void cut(const std::string& word, Words& out) const override {
    Words words = {word};
    for (const auto& step : steps_) {
      Words next;
      for (const std::string& part : words) {
        step->cut(part, next);
      }
      words = std::move(next);
    }
    out.insert(out.end(), std::make_move_iterator(words.begin()),
               std::make_move_iterator(words.end()));
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

bool is_punctuation(std::uint32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  return (U_GET_GC_MASK(c) & U_GC_P_MASK) != 0 ||
         (code_point < 0x80 && (U_GET_GC_MASK(c) & U_GC_S_MASK) != 0);
}

SplitBehavior read_behavior(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kNames = {{
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  }};
  for (const auto& [known, behavior] : kNames) {
    if (known == name) {
      return behavior;
    }
  }
  fail(ErrorCode::kModel, kWhere, " has the behavior ", name, ", which is not supported");
}

// Builds the steps of one tokenizer and counts its ByteLevel ones.
class Builder {
 public:
  std::unique_ptr<const PreTokenizer> make(const json::value& value) {
    const json::object& object = as_object(value, kWhere);
    const std::string type = need_text(object, "type", kWhere);
    if (type == "ByteLevel") {
      ++byte_levels_;
      return std::make_unique<ByteLevel>(object);
    }
    if (type == "Sequence") {
      return make_sequence(object);
    }
    if (type == "Split") {
      return std::make_unique<SplitByPattern>(read_pattern(object, kWhere),
                                              read_behavior(need_text(object, "behavior", kWhere)),
                                              flag_or(object, "invert", false, kWhere));
    }
    if (type == "Digits") {
      return std::make_unique<SplitByCharacter>(is_numeric,
                                                flag_or(object, "individual_digits", false, kWhere)
                                                    ? SplitBehavior::kIsolated
                                                    : SplitBehavior::kContiguous);
    }
    if (type == "Whitespace") {
      return std::make_unique<SplitByPattern>(Regex(kWordsOrSigns), SplitBehavior::kRemoved, true);
    }
    if (type == "WhitespaceSplit") {
      return std::make_unique<SplitByCharacter>(is_white_space, SplitBehavior::kRemoved);
    }
    if (type == "Punctuation") {
      const auto behavior = find_text(object, "behavior", kWhere);
      return std::make_unique<SplitByCharacter>(
          is_punctuation, behavior ? read_behavior(*behavior) : SplitBehavior::kIsolated);
    }
    fail(ErrorCode::kModel, kWhere, " is of type ", type, ", which is not supported");
  }

  int byte_levels() const { return byte_levels_; }

 private:
  std::unique_ptr<const PreTokenizer> make_sequence(const json::object& object) {
    const json::value& steps = need_member(object, "pretokenizers", kWhere);
    check(steps.is_array() && steps.get_array().size() <= kMaxSteps, ErrorCode::kModel, kWhere,
          ": \"pretokenizers\" is not a list of at most ", kMaxSteps, " steps");
    std::vector<std::unique_ptr<const PreTokenizer>> made;
    for (const json::value& step : steps.get_array()) {
      made.push_back(make(step));
    }
    return std::make_unique<Sequence>(std::move(made));
  }

  int byte_levels_ = 0;
};

}  // namespace

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const std::string& json_text) {
  Builder builder;
  const json::value value = parse_json(json_text, kWhere);
  check(!value.is_null(), ErrorCode::kModel, kWhere,
        " is null: only byte-level BPE is supported, which has a ByteLevel step");
  auto made = builder.make(value);
  check(builder.byte_levels() == 1, ErrorCode::kModel, kWhere, " has ", builder.byte_levels(),
        " ByteLevel steps; byte-level BPE has exactly 1");
  return made;
}

}  // namespace cogent::text
