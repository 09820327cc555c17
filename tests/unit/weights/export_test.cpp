#include "core/model/weights/export.hpp"

#include "core/model/weights/number_formats.hpp"
#include "tests/unit/weights/test_files.hpp"

#include <gtest/gtest.h>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;

void export_model(const std::string& from, ExportType type, const fs::path& out) {
  const auto source = open_weights(from);
  const auto tokenizer = open_tokenizer(from);
  export_huggingface(
      source->config(), tokenizer.spec(),
      [&](const ParameterSpec& parameter, std::span<float> values) {
        source->read(parameter, values);
      },
      type, out);
}

class Exports : public testing::TestWithParam<const char*> {};

TEST_P(Exports, ReadBackTheSame) {
  const ScratchFolder scratch;
  const std::string from = fixture(GetParam()).string();
  const fs::path out = scratch / "out";
  export_model(from, ExportType::kFloat32, out);
  expect_same_weights(*open_weights(from), *open_weights(out.string()));
  const auto before = open_tokenizer(from);
  const auto after = open_tokenizer(out.string());
  EXPECT_EQ(after.spec().tokens, before.spec().tokens);
  EXPECT_EQ(after.spec().merges, before.spec().merges);
  EXPECT_EQ(after.spec().chat_template, before.spec().chat_template);
  EXPECT_EQ(after.spec().eos_id, before.spec().eos_id);
  EXPECT_FALSE(fs::exists(scratch / "out.tmp"));
}

INSTANTIATE_TEST_SUITE_P(All, Exports,
                         testing::Values("weights/llama_mixed.gguf", "models/llama_gqa3_tied",
                                         "models/llama_untied_rope3", "models/qwen2_bias",
                                         "models/qwen3_qknorm"));

TEST(Export, RoundsToBfloat16) {
  const ScratchFolder scratch;
  const std::string from = fixture("models/llama_gqa3_tied").string();
  export_model(from, ExportType::kBfloat16, scratch / "out");
  const auto original = open_weights(from);
  const auto rounded = open_weights((scratch / "out").string());
  for (const ParameterSpec& parameter : all_parameters(original->config())) {
    auto expected = read_parameter(*original, parameter);
    for (float& value : expected) {
      value = bfloat16_to_float(float_to_bfloat16(value));
    }
    EXPECT_EQ(read_parameter(*rounded, parameter), expected) << parameter.name;
  }
}

TEST(Export, LeavesAFolderInUseAlone) {
  const ScratchFolder scratch;
  const std::string from = fixture("models/llama_gqa3_tied").string();
  const fs::path out = scratch / "out";
  fs::create_directory(out);
  write_text(out / "precious", "1");
  expect_error(ErrorCode::kModel, {"out", "not an empty folder"},
               [&] { export_model(from, ExportType::kFloat32, out); });
  EXPECT_TRUE(fs::exists(out / "precious"));
  fs::remove(out / "precious");
  export_model(from, ExportType::kFloat32, out.string() + "/");  // empty: taken
  EXPECT_TRUE(fs::exists(out / "model.safetensors"));
}

TEST(Export, LeavesNoHalfWrittenFolder) {
  const ScratchFolder scratch;
  const std::string from = fixture("models/llama_gqa3_tied").string();
  const auto source = open_weights(from);
  const auto tokenizer = open_tokenizer(from);
  const auto dies = [](const ParameterSpec& parameter, std::span<float>) {
    check(parameter.name != "model.norm.weight", ErrorCode::kUnexpected, "died");
  };
  const fs::path out = scratch / "out";
  expect_error(ErrorCode::kUnexpected, {"died"}, [&] {
    export_huggingface(source->config(), tokenizer.spec(), dies, ExportType::kFloat32, out);
  });
  EXPECT_FALSE(fs::exists(out));
  export_model(from, ExportType::kFloat32, out);  // over what the dead one left
  EXPECT_NO_THROW(open_weights(out.string()));
  write_text(scratch / "other.tmp", "not ours");
  expect_error(ErrorCode::kModel, {"other.tmp"},
               [&] { export_model(from, ExportType::kFloat32, scratch / "other"); });
  EXPECT_TRUE(fs::exists(scratch / "other.tmp"));
}

}  // namespace
}  // namespace cogent::model
