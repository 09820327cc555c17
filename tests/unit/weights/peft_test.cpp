#include "core/model/weights/peft.hpp"

#include "core/base/files.hpp"
#include "core/model/weights/number_formats.hpp"
#include "core/model/weights/safetensors_writer.hpp"
#include "tests/unit/weights/test_files.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kPlain = R"("peft_type":"LORA","r":4,"lora_alpha":6)";

PeftConfig parse(const std::string& members) {
  return parse_peft_config("{" + members + "}", "a.json");
}

void expect_refused(const std::string& members, const std::vector<std::string>& parts) {
  std::vector<std::string> all = {"a.json"};
  all.insert(all.end(), parts.begin(), parts.end());
  expect_error(ErrorCode::kModel, all, [&] { parse(members); });
}

ModelConfig fixture_config(const char* name = "models/llama_gqa3_tied") {
  return open_weights(fixture(name).string())->config();
}

LoraConfig small_lora() {
  return {.rank = 3,
          .alpha = 2.5,
          .use_rslora = true,
          .targets = lora_targets({"q_proj", "up_proj"}, "targets")};
}

// An adapter whose values tell parameter and index.
Adapter counting_adapter(const LoraConfig& lora) {
  return {lora, [](const ParameterSpec& parameter, std::span<float> out) {
            for (std::size_t i = 0; i < out.size(); ++i) {
              out[i] = 0.001F * static_cast<float>(i + parameter.name.size());
            }
          }};
}

std::vector<float> values_of(const Adapter& adapter, const ParameterSpec& parameter) {
  std::vector<float> values(static_cast<std::size_t>(parameter.size()));
  adapter.read(parameter, values);
  return values;
}

TEST(PeftConfig, PlainLora) {
  const PeftConfig config = parse(std::string(kPlain) +
                                  R"(,"lora_dropout":0.1,"base_model_name_or_path":"models/base",
                                      "target_modules":["q_proj","down_proj"])");
  EXPECT_EQ(config.lora.rank, 4);
  EXPECT_EQ(config.lora.scale(), 1.5);
  EXPECT_EQ(config.dropout, 0.1);
  EXPECT_EQ(config.base, "models/base");
  EXPECT_THAT(target_names(config.lora), ElementsAre("q_proj", "down_proj"));
  EXPECT_THAT(target_names(parse(std::string(kPlain) + R"(,"target_modules":"q.*")").lora),
              ElementsAre());
}

TEST(PeftConfig, WhatIsWrittenIsReadBack) {
  const LoraConfig lora = small_lora();
  const PeftConfig config = parse_peft_config(write_peft_config(lora, "the/base"), "a.json");
  EXPECT_EQ(config.lora, lora);
  EXPECT_EQ(config.base, "the/base");
  EXPECT_THAT(write_peft_config({.rank = 8, .alpha = 16}, ""), HasSubstr("\"lora_alpha\":16,"));
}

TEST(PeftConfig, RefusesWhatItsArithmeticIsNot) {
  const std::string plain = std::string(kPlain) + ",";
  expect_refused(plain + R"("use_dora":true)", {"\"use_dora\" is true"});
  expect_refused(plain + R"("bias":"all")", {"\"bias\" is \"all\"", "only none"});
  expect_refused(plain + R"("lora_bias":true)", {"\"lora_bias\""});
  expect_refused(plain + R"("modules_to_save":["lm_head"])", {"\"modules_to_save\"", "lm_head"});
  expect_refused(plain + R"("rank_pattern":{"q_proj":8})", {"\"rank_pattern\""});
  expect_refused(plain + R"("alpha_pattern":{"q_proj":8})", {"\"alpha_pattern\""});
  expect_refused(plain + R"("layers_to_transform":[0])", {"\"layers_to_transform\""});
  expect_refused(plain + R"("fan_in_fan_out":true)", {"\"fan_in_fan_out\""});
  expect_refused(plain + R"("trainable_token_indices":[1])", {"\"trainable_token_indices\""});
  expect_refused(plain + R"("init_lora_weights":"pissa")", {"\"pissa\"", "changes the base"});
  expect_refused(plain + R"("a_key_of_next_year":"x")", {"\"a_key_of_next_year\""});
  expect_refused(R"("peft_type":"IA3","r":4,"lora_alpha":6)", {"\"IA3\"", "only LORA"});
  parse(plain + R"("use_dora":false,"rank_pattern":{},"a_key_of_next_year":null)");
}

TEST(PeftConfig, RefusesWhatIsNoNumber) {
  expect_refused(R"("r":0,"lora_alpha":6)", {"\"r\" is 0", "from 1 to"});
  expect_refused(R"("r":2.5,"lora_alpha":6)", {"\"r\""});
  expect_refused(R"("lora_alpha":6)", {"\"r\""});
  expect_refused(R"("r":4)", {"lora_alpha"});
  expect_refused(R"("r":4,"lora_alpha":-1)", {"\"lora_alpha\" is -1"});
  expect_refused(R"("r":4,"lora_alpha":"x")", {"\"lora_alpha\""});
  expect_error(ErrorCode::kModel, {"a.json"}, [] { parse_peft_config("[]", "a.json"); });
  expect_error(ErrorCode::kModel, {"a.json"}, [] { parse_peft_config("", "a.json"); });
}

// Made by peft: target_modules is a list of every module's path in one, a regular expression in the
// other.
TEST(PeftAdapter, TakesItsTargetsFromTheTensors) {
  const Adapter all = open_peft_adapter(fixture("peft/llama_all_linear"), fixture_config());
  EXPECT_EQ(all.lora.rank, 4);
  EXPECT_EQ(all.lora.alpha, 6);
  EXPECT_FALSE(all.lora.use_rslora);
  EXPECT_THAT(all.lora.targets, Each(true));
  const Adapter some =
      open_peft_adapter(fixture("peft/qwen3_rslora"), fixture_config("models/qwen3_qknorm"));
  EXPECT_TRUE(some.lora.use_rslora);
  EXPECT_THAT(target_names(some.lora), ElementsAre("q_proj", "v_proj", "o_proj"));
}

TEST(PeftAdapter, ReadsBackWhatWasWritten) {
  const ScratchFolder scratch;
  const ModelConfig config = fixture_config();
  const Adapter adapter = counting_adapter(small_lora());
  export_peft(config, adapter, "the/base", ExportType::kFloat32, scratch / "full");
  export_peft(config, adapter, "the/base", ExportType::kBfloat16, scratch / "short");
  EXPECT_EQ(read_peft_config(scratch / "full").base, "the/base");
  EXPECT_FALSE(fs::exists(scratch / "full.tmp"));
  const Adapter full = open_peft_adapter(scratch / "full", config);
  const Adapter rounded = open_peft_adapter(scratch / "short", config);
  EXPECT_EQ(full.lora, adapter.lora);
  for (const UnitSpec& unit : adapter_specs(config, adapter.lora)) {
    for (const ParameterSpec& parameter : unit.parameters) {
      std::vector<float> expected = values_of(adapter, parameter);
      EXPECT_EQ(values_of(full, parameter), expected) << parameter.name;
      for (float& value : expected) {
        value = bfloat16_to_float(float_to_bfloat16(value));
      }
      EXPECT_EQ(values_of(rounded, parameter), expected) << parameter.name;
    }
  }
  expect_error(ErrorCode::kModel, {"full", "not an empty folder"}, [&] {
    export_peft(config, adapter, "the/base", ExportType::kFloat32, scratch / "full");
  });
}

// A folder with the configuration of small_lora() and these tensors of its adapter.
void write_tensors(const fs::path& folder, const std::vector<ParameterSpec>& parameters) {
  fs::create_directories(folder);
  write_text(folder / kPeftConfigName, write_peft_config(small_lora(), ""));
  write_safetensors(
      folder / kPeftWeightsName, {{"all", parameters}}, ExportType::kFloat32,
      [](const ParameterSpec&, std::span<float> out) { std::ranges::fill(out, 0.5F); });
}

TEST(PeftAdapter, RefusesTensorsThatDoNotFit) {
  const ScratchFolder scratch;
  const ModelConfig config = fixture_config();
  std::vector<ParameterSpec> whole;
  for (const UnitSpec& unit : adapter_specs(config, small_lora())) {
    whole.insert(whole.end(), unit.parameters.begin(), unit.parameters.end());
  }
  const auto refused = [&](const char* name, const std::vector<ParameterSpec>& tensors,
                           const std::vector<std::string>& parts) {
    write_tensors(scratch / name, tensors);
    expect_error(ErrorCode::kModel, parts, [&] { open_peft_adapter(scratch / name, config); });
  };
  std::vector<ParameterSpec> missing(whole.begin(), whole.end() - 1);
  refused("missing", missing, {whole.back().name, "is missing"});
  std::vector<ParameterSpec> more = whole;
  more.push_back({"base_model.model.lm_head.lora_A.weight", 3, 48});
  refused("more", more, {"lm_head", "another model"});
  std::vector<ParameterSpec> layer = whole;
  layer.push_back({"base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight", 3, 48});
  refused("layer", layer, {"layers.2", "of 2 blocks"});
  std::vector<ParameterSpec> wide = whole;
  wide.front().cols += 1;
  refused("wide", wide, {wide.front().name, "147 values", "3 x 48"});
  refused("none", {}, {"holds no tensor"});
  write_tensors(scratch / "whole", whole);
  open_peft_adapter(scratch / "whole", config);
}

TEST(PeftAdapter, NamesTheFileThatIsMissingOrDamaged) {
  const ScratchFolder scratch;
  expect_error(ErrorCode::kModel, {"adapter_config.json"},
               [&] { open_peft_adapter(scratch.path(), fixture_config()); });
  write_text(scratch / kPeftConfigName, write_peft_config(small_lora(), ""));
  expect_error(ErrorCode::kModel, {"adapter_model.safetensors"},
               [&] { open_peft_adapter(scratch.path(), fixture_config()); });
  const std::string bytes =
      read_file(fixture("peft/llama_all_linear") / kPeftWeightsName, ErrorCode::kModel);
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, bytes.size() / 2}) {
    write_text(scratch / kPeftWeightsName, bytes.substr(0, size));
    expect_error(ErrorCode::kModel, {"adapter_model.safetensors"},
                 [&] { open_peft_adapter(scratch.path(), fixture_config()); });
  }
}

}  // namespace
}  // namespace cogent::model
