#include "core/config/document.hpp"

#include "core/base/error.hpp"

#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <sstream>

namespace cogent {
namespace {

// Far above any configuration; keeps a wrong file from costing time.
constexpr std::size_t kMaxBytes = 1 << 20;

unsigned char byte_at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

bool is_continuation(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

// Bytes of the UTF-8 character at i; 0 where there is none: a stray or missing continuation, an
// overlong form, a surrogate, a value past U+10FFFF.
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const unsigned char a = byte_at(text, i);
  const unsigned char b = byte_at(text, i + 1);
  if (a < 0x80) {
    return 1;
  }
  if (a >= 0xc2 && a <= 0xdf) {
    return is_continuation(b) ? 2 : 0;
  }
  if ((a & 0xf0) == 0xe0) {
    const unsigned char low = a == 0xe0 ? 0xa0 : 0x80;
    const unsigned char high = a == 0xed ? 0x9f : 0xbf;
    return b >= low && b <= high && is_continuation(byte_at(text, i + 2)) ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const unsigned char low = a == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = a == 0xf4 ? 0x8f : 0xbf;
    const bool rest =
        is_continuation(byte_at(text, i + 2)) && is_continuation(byte_at(text, i + 3));
    return b >= low && b <= high && rest ? 4 : 0;
  }
  return 0;
}

// Events of a document that nobody listens to.
class Silence : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// YAML::Load reads the first document and drops what follows it. YAML::LoadAll reads all, but never
// ends where a token belongs to no document, as in ", a".
bool has_more_than_one_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Silence silence;
  parser.HandleNextDocument(silence);
  return static_cast<bool>(parser);
}

void check_bytes(std::string_view text, const std::string& source) {
  check(text.size() <= kMaxBytes, ErrorCode::kUsage, source, " has ", text.size(),
        " bytes, a configuration has at most ", kMaxBytes, ": is this the right file?");
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r';
  };
  const auto control =
      static_cast<std::size_t>(std::ranges::find_if(text, is_control) - text.begin());
  const std::size_t at = std::min(control, find_broken_utf8(text));
  if (at < text.size()) {
    fail(ErrorCode::kUsage, source, ":", 1 + std::count(text.begin(), text.begin() + at, '\n'),
         ": byte ", static_cast<int>(byte_at(text, at)), " at offset ", at,
         " is not UTF-8 text: save the configuration as UTF-8");
  }
}

}  // namespace

std::size_t find_broken_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

YAML::Node parse_yaml_document(std::string_view text, const std::string& source) {
  check_bytes(text, source);
  // The document end mark makes yaml-cpp notice a quote that is still open.
  std::string marked(text);
  marked += text.ends_with('\n') || text.empty() ? "...\n" : "\n...\n";
  try {
    check(!has_more_than_one_document(marked), ErrorCode::kUsage, source,
          " has text behind its first YAML document: a configuration is one map of keys");
    return YAML::Load(marked);
  } catch (const YAML::Exception& error) {
    fail(ErrorCode::kUsage, source, ":", error.mark.line + 1, ":", error.mark.column + 1,
         ": not valid YAML: ", error.msg);
  }
}

}  // namespace cogent
