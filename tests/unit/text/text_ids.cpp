// text_ids TOKENIZER_JSON [--parse-special]: {"text": s} lines in, {"ids": [...], "text": decoded,
// "skipped": decoded without special tokens} lines out.

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json_lines.hpp"
#include "core/text/tokenizer.hpp"

#include <boost/json/array.hpp>

#include <iostream>
#include <string>

int main(int argc, char** argv) {
  using namespace cogent;
  try {
    check(argc >= 2, ErrorCode::kUsage, "usage: text_ids TOKENIZER_JSON [--parse-special]");
    const text::Tokenizer tokenizer(
        text::parse_tokenizer_json(read_file(argv[1], ErrorCode::kModel), "", argv[1]));
    const auto special = argc > 2 ? text::SpecialText::kParse : text::SpecialText::kPlain;
    JsonLineReader reader(std::cin, "standard input");
    while (const auto line = reader.next()) {
      const auto ids =
          tokenizer.encode(require_string(line->object, "text", reader.where()), special);
      std::cout << to_json_line(
                       json::object{{"ids", json::array(ids.begin(), ids.end())},
                                    {"text", tokenizer.decode(ids)},
                                    {"skipped", tokenizer.decode(ids, text::SpecialTokens::kSkip)}})
                << '\n';
    }
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return exit_status(error.code());
  }
}
