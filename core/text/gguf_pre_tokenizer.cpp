#include "core/text/gguf_pre_tokenizer.hpp"

#include "core/base/error.hpp"

#include <array>
#include <string_view>

namespace cogent::text {
namespace {

constexpr std::string_view kGpt2 =
    R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
constexpr std::string_view kSmollm =
    R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},)"
    R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]})";
constexpr std::string_view kLlama3 =
    R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)"
    R"("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|)"
    R"( ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},)"
    R"("behavior":"Isolated","invert":false},)"
    R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]})";
constexpr std::string_view kQwen2 =
    R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)"
    R"("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|)"
    R"( ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},)"
    R"("behavior":"Isolated","invert":false},)"
    R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]})";

struct GgufPreTokenizer {
  std::string_view name;
  std::string_view pre_tokenizer;
  std::string_view normalizer;
  bool ignore_merges;
};

constexpr std::array kKnown = {
    GgufPreTokenizer{"smollm", kSmollm, "null", false},
    GgufPreTokenizer{"gpt-2", kGpt2, "null", false},
    GgufPreTokenizer{"default", kGpt2, "null", false},
    GgufPreTokenizer{"llama-bpe", kLlama3, "null", true},
    GgufPreTokenizer{"qwen2", kQwen2, R"({"type":"NFC"})", false},
};

const GgufPreTokenizer& find_known(const std::string& pre_name) {
  std::string names;
  for (const GgufPreTokenizer& known : kKnown) {
    if (known.name == pre_name) {
      return known;
    }
    names += names.empty() ? "" : ", ";
    names += known.name;
  }
  fail(ErrorCode::kModel, "tokenizer.ggml.pre is \"", pre_name, "\"; the known ones are ", names,
       ": use the model's Hugging Face directory instead");
}

}  // namespace

std::string pre_tokenizer_json_for_gguf(const std::string& pre_name) {
  return std::string(find_known(pre_name).pre_tokenizer);
}

std::string normalizer_json_for_gguf(const std::string& pre_name) {
  return std::string(find_known(pre_name).normalizer);
}

bool ignore_merges_for_gguf(const std::string& pre_name) {
  return find_known(pre_name).ignore_merges;
}

}  // namespace cogent::text
