// text_ids MODEL [--parse-special]: {"text": s} lines in, {"ids": [...], "text": decoded,
// "skipped": decoded without special tokens} lines out. MODEL is a GGUF file, a Hugging Face folder
// or a tokenizer.json. text_ids MODEL --write FOLDER: writes tokenizer.json and
// tokenizer_config.json.

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json_lines.hpp"
#include "core/model/weights/weight_source.hpp"
#include "core/text/tokenizer.hpp"

#include <boost/json/array.hpp>

#include <filesystem>
#include <iostream>
#include <string>

namespace {

using namespace cogent;

void write_files(const text::Tokenizer& tokenizer, const std::filesystem::path& folder) {
  write_file_atomic(folder / "tokenizer.json", text::write_tokenizer_json(tokenizer.spec()),
                    ErrorCode::kModel);
  write_file_atomic(folder / "tokenizer_config.json",
                    text::write_tokenizer_config_json(tokenizer.spec()), ErrorCode::kModel);
}

void write_ids(const text::Tokenizer& tokenizer, text::SpecialText special) {
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
}

}  // namespace

int main(int argc, char** argv) {
  try {
    check(argc >= 2, ErrorCode::kUsage, "usage: text_ids MODEL [--parse-special | --write FOLDER]");
    const text::Tokenizer tokenizer = model::open_tokenizer(argv[1]);
    if (argc == 4 && std::string(argv[2]) == "--write") {
      write_files(tokenizer, argv[3]);
    } else {
      write_ids(tokenizer, argc > 2 ? text::SpecialText::kParse : text::SpecialText::kPlain);
    }
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return exit_status(error.code());
  }
}
