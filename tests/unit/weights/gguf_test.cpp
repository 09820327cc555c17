#include "core/model/weights/gguf.hpp"

#include "core/base/json_lines.hpp"
#include "core/model/weights/gguf_model.hpp"
#include "core/model/weights/safetensors.hpp"
#include "tests/unit/weights/test_files.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace cogent::model {
namespace {

using testing::ElementsAre;
using testing::Pointee;

std::string read_fixture(const std::string& name) {
  return read_file(fixture(name), ErrorCode::kModel);
}

GgufFile parse(const std::string& bytes) {
  return GgufFile(std::as_bytes(std::span(bytes)), "file");
}

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(std::byte(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

TEST(GgmlTypes, ConvertBlocksAsGgmlDoesBitForBit) {
  const json::value blocks = json::parse(read_fixture("weights/quant_blocks.json"));
  ASSERT_EQ(blocks.get_array().size(), 6u);
  for (const json::value& entry : blocks.get_array()) {
    const auto type = entry.at("type").to_number<std::uint32_t>();
    const auto bytes = from_hex(entry.at("bytes").get_string());
    const json::array& bits = entry.at("bits").get_array();
    const GgmlFormat* format = find_ggml_format(type);
    ASSERT_NE(format, nullptr) << ggml_type_name(type);
    ASSERT_EQ(bytes.size() / format->block_bytes * format->block_values, bits.size());
    std::vector<float> values(bits.size());
    format->to_float(bytes, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]), bits[i].to_number<std::uint32_t>())
          << format->name << " value " << i;
    }
  }
}

TEST(GgufFile, ReadsEveryMetadataType) {
  const GgufFile file(fixture("weights/qwen3_linear.gguf"));
  EXPECT_EQ(file.find_int("test.uint8"), 200);
  EXPECT_EQ(file.find_int("test.int8"), -100);
  EXPECT_EQ(file.find_int("test.uint16"), 60000);
  EXPECT_EQ(file.find_int("test.int16"), -30000);
  EXPECT_EQ(file.find_int("test.uint32"), 4000000000);
  EXPECT_EQ(file.find_int("test.int32"), -2000000000);
  EXPECT_EQ(file.find_int("test.uint64"), std::int64_t{1} << 62);
  EXPECT_EQ(file.find_int("test.int64"), -(std::int64_t{1} << 62));
  EXPECT_EQ(file.find_number("test.float32"), 0.1);
  EXPECT_EQ(file.find_number("test.float64"), 0.1);
  EXPECT_EQ(file.find_string("test.string"), "h\xC3\xA4user");
  EXPECT_THAT(file.find_ints("test.ints"), Pointee(ElementsAre(1, -2, 3)));
  EXPECT_THAT(file.find_ints("test.bools"), Pointee(ElementsAre(1, 0)));
  EXPECT_THAT(file.find_strings("test.strings"), Pointee(ElementsAre("a", "", "ccc")));
  EXPECT_EQ(file.find_int("test.absent"), std::nullopt);
  expect_error(ErrorCode::kModel, {"test.string", "not an integer"},
               [&] { file.find_int("test.string"); });
  expect_error(ErrorCode::kModel, {"test.absent", "missing"},
               [&] { file.need_int("test.absent"); });
}

class GgufModels : public testing::TestWithParam<const char*> {};

TEST_P(GgufModels, HoldTheExpectedWeightsBitForBit) {
  const std::string name = GetParam();
  const auto source = open_weights(fixture("weights/" + name + ".gguf").string());
  const MappedFile file(fixture("weights/" + name + ".expected.safetensors"), ErrorCode::kModel);
  const auto expected = parse_safetensors(file.bytes(), name);
  const auto parameters = all_parameters(source->config());
  EXPECT_EQ(parameters.size(), expected.size());
  for (const ParameterSpec& parameter : parameters) {
    ASSERT_TRUE(expected.contains(parameter.name)) << parameter.name;
    const auto& tensor = expected.at(parameter.name);
    std::vector<float> values(static_cast<std::size_t>(tensor.size()));
    tensor.to_float(values);
    EXPECT_EQ(read_parameter(*source, parameter), values) << parameter.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, GgufModels,
                         testing::Values("llama_mixed", "qwen2_untied", "qwen3_linear"));

TEST(GgufModel, ReadsTheConfiguration) {
  const auto llama = open_weights(fixture("weights/llama_mixed.gguf").string());
  const ModelConfig& config = llama->config();
  EXPECT_EQ(config.model_type, "llama");
  EXPECT_EQ(config.vocab_size, 300);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.num_kv_heads, 1);
  EXPECT_EQ(config.max_positions, 512);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.rope_theta, 100000);
  EXPECT_TRUE(config.tied_embeddings && config.qkv_bias && config.o_bias);
  EXPECT_THAT(config.eos_ids, ElementsAre(2, 0));  // <|im_end|>, then <|endoftext|>
  EXPECT_EQ(config.bos_id, 1);
  EXPECT_EQ(config.pad_id, 0);
  const auto qwen2 = open_weights(fixture("weights/qwen2_untied.gguf").string());
  EXPECT_TRUE(qwen2->config().qkv_bias && !qwen2->config().tied_embeddings);
  const auto qwen3 = open_weights(fixture("weights/qwen3_linear.gguf").string());
  EXPECT_TRUE(qwen3->config().qk_norm);
  EXPECT_EQ(qwen3->config().rope_scaling.type, RopeScalingType::kLinear);
  EXPECT_EQ(qwen3->config().rope_scaling.factor, 2.5);
}

TEST(GgufTokenizer, EqualsTheTokenizerJsonItWasMadeFrom) {
  const auto gguf = open_tokenizer(fixture("weights/llama_mixed.gguf").string());
  const auto json = open_tokenizer(fixture("models/llama_gqa3_tied").string());
  EXPECT_EQ(gguf.spec().tokens, json.spec().tokens);
  EXPECT_EQ(gguf.spec().merges, json.spec().merges);
  EXPECT_EQ(gguf.spec().chat_template, json.spec().chat_template);
  EXPECT_EQ(gguf.spec().bos_id, 1);
  EXPECT_EQ(gguf.spec().eos_id, 2);
  EXPECT_EQ(gguf.spec().unk_id, 0);
  ASSERT_EQ(gguf.spec().added_tokens.size(), 4u);
  EXPECT_TRUE(gguf.spec().added_tokens[2].special);
  EXPECT_FALSE(gguf.spec().added_tokens[3].special);  // of type 4
  const std::string text = "Anna met <|im_end|>the minister in Geneva";
  EXPECT_EQ(gguf.encode(text, text::SpecialText::kParse),
            json.encode(text, text::SpecialText::kParse));
}

TEST(GgufTokenizer, RefusesAFileWithoutMerges) {
  expect_error(ErrorCode::kModel, {"qwen2_untied.gguf", "merges"},
               [] { open_tokenizer(fixture("weights/qwen2_untied.gguf").string()); });
  expect_error(ErrorCode::kModel, {"tokenizer.ggml.model is none"},
               [] { open_tokenizer(fixture("weights/qwen3_linear.gguf").string()); });
}

TEST(GgufFile, NamesAnUnsupportedTensorType) {
  expect_error(ErrorCode::kModel, {"token_embd.weight", "Q4_K", "Q8_0"},
               [] { open_weights(fixture("weights/k_quant.gguf").string()); });
}

TEST(GgufFile, RefusesOtherVersionsAndFiles) {
  std::string bytes = read_fixture("weights/qwen2_untied.gguf");
  bytes[4] = 2;
  EXPECT_NO_THROW(parse(bytes));
  bytes[4] = 1;
  expect_error(ErrorCode::kModel, {"version 1"}, [&] { parse(bytes); });
  bytes[4] = 0;
  bytes[7] = 3;  // big-endian
  expect_error(ErrorCode::kModel, {"little-endian"}, [&] { parse(bytes); });
  bytes[0] = 'X';
  expect_error(ErrorCode::kModel, {"not a GGUF file"}, [&] { parse(bytes); });
}

TEST(GgufFile, RefusesEveryCutOffFile) {
  const std::string bytes = read_fixture("weights/qwen2_untied.gguf");
  // Behind the last name of the table: about where the data begins.
  const std::size_t table = bytes.rfind(".bias") + 64;
  // The padding behind the last tensor is no part of any.
  const std::size_t end = bytes.size() - 32;
  // Every length that cuts the table; in the data any cut is like another.
  for (std::size_t length = 0; length < end; length += length < table ? 1 : 61) {
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_THROW(GgufFile(std::as_bytes(std::span(cut)), "cut"), Error) << length;
  }
}

// Replaces the first 8 bytes behind `name` (and `skip` more) by a 64-bit number.
std::string patched(std::string bytes, const std::string& name, std::size_t skip,
                    std::uint64_t number) {
  const std::size_t place = bytes.find(name);
  EXPECT_NE(place, std::string::npos);
  std::memcpy(&bytes[place + name.size() + skip], &number, sizeof number);
  return bytes;
}

TEST(GgufFile, RefusesCountsAndOffsetsPastTheFile) {
  const std::string bytes = read_fixture("weights/qwen2_untied.gguf");
  const std::uint64_t huge = 0x4000000000000000;
  // Behind a tensor's name: dimension count (4), dimensions (8 each), type (4), offset (8).
  expect_error(ErrorCode::kModel, {"output.weight", "bytes at offset"},
               [&] { parse(patched(bytes, "output.weight", 4 + 16 + 4, huge)); });
  expect_error(ErrorCode::kModel, {"output.weight", "alignment"},
               [&] { parse(patched(bytes, "output.weight", 4 + 16 + 4, 3)); });
  expect_error(ErrorCode::kModel, {"output.weight", "too large"},
               [&] { parse(patched(bytes, "output.weight", 4 + 8, huge)); });
  expect_error(ErrorCode::kModel, {"output.weight", "blocks"},
               [&] { parse(patched(bytes, "output.weight", 4 + 8, std::uint64_t{1} << 40)); });
  expect_error(ErrorCode::kModel, {"output.weight", " 0"},
               [&] { parse(patched(bytes, "output.weight", 4, 0)); });
  // Behind an array's key: value type (4), element type (4), count (8).
  expect_error(ErrorCode::kModel, {"tokenizer.ggml.tokens", "elements"},
               [&] { parse(patched(bytes, "tokenizer.ggml.tokens", 8, huge)); });
  std::string counts = bytes;
  std::memcpy(&counts[8], &huge, sizeof huge);  // tensors
  expect_error(ErrorCode::kModel, {"file"}, [&] { parse(counts); });
}

TEST(GgufModel, RefusesTensorsThatDoNotFitTheMetadata) {
  std::string bytes = read_fixture("weights/qwen3_linear.gguf");
  const std::size_t place = bytes.find("blk.1.attn_q_norm.weight");
  bytes[place] = 'x';
  const auto open = [&] { open_gguf_model(parse(bytes)); };
  expect_error(ErrorCode::kModel, {"blk.1.attn_q_norm.weight", "missing"}, open);
  bytes[place] = 'b';
  open();
  bytes =
      patched(bytes, "qwen3.feed_forward_length", 4, 0);  // the 32-bit length and the next key's
  expect_error(ErrorCode::kModel, {"file"}, open);
}

}  // namespace
}  // namespace cogent::model
