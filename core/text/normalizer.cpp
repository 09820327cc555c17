#include "core/text/normalizer.hpp"

#include "core/base/error.hpp"
#include "core/text/json_member.hpp"
#include "core/text/pattern.hpp"
#include "core/text/unicode_delta.hpp"
#include "core/text/utf8.hpp"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uniset.h>

#include <string_view>
#include <utility>
#include <vector>

namespace cogent::text {
namespace {

constexpr char kWhere[] = "the tokenizer's normalizer";
constexpr std::size_t kMaxSteps = 64;

// A normal form by the tables of Unicode 9, which are those of `tokenizers`: later characters stay
// as they are and in their place.
class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(const std::string& type) {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* form = type == "NFC"    ? icu::Normalizer2::getNFCInstance(status)
                                   : type == "NFD"  ? icu::Normalizer2::getNFDInstance(status)
                                   : type == "NFKC" ? icu::Normalizer2::getNFKCInstance(status)
                                                    : icu::Normalizer2::getNFKDInstance(status);
    known_ = icu::UnicodeSet(icu::UnicodeString::fromUTF8("[:age=9.0:]"), status);
    check(U_SUCCESS(status), ErrorCode::kModel, kWhere, ": ICU has no data for ", type, ": ",
          u_errorName(status));
    known_.freeze();
    form_ = std::make_unique<icu::FilteredNormalizer2>(*form, known_);
  }
  std::string apply(const std::string& text) const override {
    UErrorCode status = U_ZERO_ERROR;
    std::string out;
    icu::StringByteSink<std::string> sink(&out);
    form_->normalizeUTF8(0, text, sink, nullptr, status);
    check(U_SUCCESS(status), ErrorCode::kModel, kWhere, " fails: ", u_errorName(status));
    return out;
  }

 private:
  icu::UnicodeSet known_;
  std::unique_ptr<const icu::FilteredNormalizer2> form_;  // refers to known_
};

// Character by character, without context (a final sigma stays an ordinary one).
class Lowercase : public Normalizer {
 public:
  std::string apply(const std::string& text) const override {
    std::string out;
    for (std::size_t offset = 0; offset < text.size();) {
      const CodePoint point = code_point_at(text, offset);
      if (point.value == 0x130) {
        out += "i\xCC\x87";  // the one character whose lower case is two
      } else {
        append_utf8(out, lower_case(point.value));
      }
      offset = point.end;
    }
    return out;
  }
};

class Replace : public Normalizer {
 public:
  Replace(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  std::string apply(const std::string& text) const override {
    std::string out;
    std::size_t done = 0;
    for (const Match& match : pattern_.find_all(text)) {
      out.append(text, done, match.begin - done);
      out += content_;
      done = match.end;
    }
    out.append(text, done);
    return out;
  }

 private:
  Regex pattern_;
  std::string content_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  std::string apply(const std::string& text) const override {
    return text.empty() ? text : prefix_ + text;
  }

 private:
  std::string prefix_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  std::string apply(const std::string& text) const override {
    std::size_t begin = 0;
    std::size_t end = text.size();
    while (left_ && begin < end && is_white_space(code_point_at(text, begin).value)) {
      begin = code_point_at(text, begin).end;
    }
    while (right_ && begin < end &&
           is_white_space(code_point_at(text, previous_code_point(text, end)).value)) {
      end = previous_code_point(text, end);
    }
    return text.substr(begin, end - begin);
  }

 private:
  bool left_;
  bool right_;
};

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const Normalizer>> steps)
      : steps_(std::move(steps)) {}
  std::string apply(const std::string& text) const override {
    std::string out = text;
    for (const auto& step : steps_) {
      out = step->apply(out);
    }
    return out;
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

// The parser of parse_json bounds the depth of nesting.
std::unique_ptr<const Normalizer> make_step(const json::value& value) {
  const json::object& object = as_object(value, kWhere);
  const std::string type = need_text(object, "type", kWhere);
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    return std::make_unique<UnicodeForm>(type);
  }
  if (type == "Lowercase") {
    return std::make_unique<Lowercase>();
  }
  if (type == "Replace") {
    return std::make_unique<Replace>(read_pattern(object, kWhere),
                                     need_text(object, "content", kWhere));
  }
  if (type == "Prepend") {
    return std::make_unique<Prepend>(need_text(object, "prepend", kWhere));
  }
  if (type == "Strip") {
    return std::make_unique<Strip>(flag_or(object, "strip_left", true, kWhere),
                                   flag_or(object, "strip_right", true, kWhere));
  }
  if (type == "Sequence") {
    const json::value& steps = need_member(object, "normalizers", kWhere);
    check(steps.is_array() && steps.get_array().size() <= kMaxSteps, ErrorCode::kModel, kWhere,
          ": \"normalizers\" is not a list of at most ", kMaxSteps, " steps");
    std::vector<std::unique_ptr<const Normalizer>> made;
    for (const json::value& step : steps.get_array()) {
      made.push_back(make_step(step));
    }
    return std::make_unique<Sequence>(std::move(made));
  }
  fail(ErrorCode::kModel, kWhere, " is of type ", type, ", which is not supported");
}

}  // namespace

std::unique_ptr<const Normalizer> make_normalizer(const std::string& json_text) {
  const json::value value = parse_json(json_text, kWhere);
  return value.is_null() ? nullptr : make_step(value);
}

}  // namespace cogent::text
