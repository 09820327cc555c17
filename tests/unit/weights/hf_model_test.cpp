#include "core/base/files.hpp"
#include "core/base/json_lines.hpp"
#include "core/model/weights/weight_source.hpp"
#include "tests/unit/weights/test_files.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;

class HfModels : public testing::TestWithParam<const char*> {};

TEST_P(HfModels, HoldTheWeightsThatTorchReads) {
  const auto source = open_weights(fixture(std::string("models/") + GetParam()).string());
  const json::value samples =
      json::parse(read_file(fixture("weights/hf_samples.json"), ErrorCode::kModel));
  const json::object& expected = samples.at(GetParam()).get_object();
  const auto parameters = all_parameters(source->config());
  EXPECT_EQ(parameters.size(), expected.size());
  for (const ParameterSpec& parameter : parameters) {
    ASSERT_TRUE(expected.contains(parameter.name)) << parameter.name;
    const auto values = read_parameter(*source, parameter);
    for (const json::value& sample : expected.at(parameter.name).at("values").get_array()) {
      EXPECT_EQ(values.at(sample.at(0).to_number<std::size_t>()), sample.at(1).to_number<float>())
          << parameter.name << " at " << sample.at(0);
    }
  }
}

TEST_P(HfModels, HaveATokenizer) {
  const auto tokenizer = open_tokenizer(fixture(std::string("models/") + GetParam()).string());
  EXPECT_EQ(tokenizer.vocab_size(), 300);
  EXPECT_EQ(tokenizer.spec().eos_id, 2);
  EXPECT_NE(tokenizer.spec().chat_template.find("<|im_start|>"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, HfModels,
                         testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen2_bias",
                                         "qwen3_qknorm"));

// A copy of a fixture model that may be spoilt.
fs::path copy_model(const ScratchFolder& scratch) {
  const fs::path folder = scratch / "model";
  fs::copy(fixture("models/qwen2_bias"), folder);
  return folder;
}

void replace_in(const fs::path& path, const std::string& from, const std::string& to) {
  std::string text = read_file(path, ErrorCode::kModel);
  const std::size_t place = text.find(from);
  ASSERT_NE(place, std::string::npos) << from;
  write_text(path, text.replace(place, from.size(), to));
}

TEST(HfModel, TakesTheEndTokensOfGenerationConfigFirst) {
  const ScratchFolder scratch;
  const fs::path folder = copy_model(scratch);
  write_text(folder / "generation_config.json", R"({"eos_token_id": [5, 2]})");
  EXPECT_THAT(open_weights(folder.string())->config().eos_ids, testing::ElementsAre(5, 2));
  write_text(folder / "generation_config.json", R"({"eos_token_id": 300})");
  expect_error(ErrorCode::kModel, {"eos_token_id is 300"}, [&] { open_weights(folder.string()); });
}

TEST(HfModel, NamesWhatIsMissing) {
  const ScratchFolder scratch;
  const auto opens = [&](const fs::path& path) { return [=] { open_weights(path.string()); }; };
  expect_error(ErrorCode::kModel, {"nowhere", "does not exist"}, opens(scratch / "nowhere"));
  expect_error(ErrorCode::kModel, {"no config.json"}, opens(scratch.path()));
  write_text(scratch / "notes.txt", "hello");
  expect_error(ErrorCode::kModel, {"notes.txt", "neither"}, opens(scratch / "notes.txt"));
  write_text(scratch / "empty.gguf", "");
  expect_error(ErrorCode::kModel, {"empty.gguf", "neither"}, opens(scratch / "empty.gguf"));
  const fs::path folder = copy_model(scratch);
  fs::remove(folder / "tokenizer.json");
  EXPECT_NO_THROW(open_weights(folder.string()));
  expect_error(ErrorCode::kModel, {"tokenizer.json", "does not exist"},
               [&] { open_tokenizer(folder.string()); });
  fs::remove(folder / "model.safetensors");
  expect_error(ErrorCode::kModel, {"neither model.safetensors"}, opens(folder));
}

TEST(HfModel, RefusesATruncatedFile) {
  const ScratchFolder scratch;
  const fs::path folder = copy_model(scratch);
  const fs::path file = folder / "model.safetensors";
  const auto size = fs::file_size(file);
  for (const std::uintmax_t length : {size - 1, size / 2, std::uintmax_t{100}, std::uintmax_t{0}}) {
    fs::resize_file(file, length);
    expect_error(ErrorCode::kModel, {"model.safetensors"}, [&] { open_weights(folder.string()); });
  }
}

TEST(HfModel, RefusesTensorsThatDoNotFitTheConfiguration) {
  const ScratchFolder scratch;
  const fs::path folder = copy_model(scratch);
  const auto opens = [&] { open_weights(folder.string()); };
  replace_in(folder / "config.json", "\"intermediate_size\": 80", "\"intermediate_size\": 96");
  expect_error(ErrorCode::kModel, {"gate_proj.weight", "96 x 48"}, opens);
  replace_in(folder / "config.json", "\"intermediate_size\": 96", "\"intermediate_size\": 80");
  replace_in(folder / "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
  expect_error(ErrorCode::kModel, {"model.layers.1.", "no place"}, opens);
  replace_in(folder / "config.json", "\"num_hidden_layers\": 1", "\"num_hidden_layers\": 3");
  expect_error(ErrorCode::kModel, {"model.layers.2.", "missing"}, opens);
}

}  // namespace
}  // namespace cogent::model
