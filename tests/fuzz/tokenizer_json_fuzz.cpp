// A tokenizer.json, and behind the first NUL byte a tokenizer_config.json. What is accepted must
// encode any text, and read back as the same tokenizer.

#include "core/base/error.hpp"
#include "core/text/tokenizer.hpp"

#include <cstdlib>
#include <string>

namespace {

using namespace cogent::text;

void expect(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  const std::size_t cut = text.find('\0');
  const std::string config = cut == std::string::npos ? std::string() : text.substr(cut + 1);
  try {
    const Tokenizer tokenizer(parse_tokenizer_json(text.substr(0, cut), config, "fuzz"));
    constexpr char kText[] = "ab <end>Marie's 12 \xC3\xA9\xFF\n\n x";
    const auto ids = tokenizer.encode(kText, SpecialText::kParse);
    tokenizer.decode(ids);
    const Tokenizer back(parse_tokenizer_json(write_tokenizer_json(tokenizer.spec()),
                                              write_tokenizer_config_json(tokenizer.spec()),
                                              "written"));
    expect(back.encode(kText, SpecialText::kParse) == ids);
  } catch (const cogent::Error&) {
  }
  return 0;
}
