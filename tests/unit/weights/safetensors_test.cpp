#include "core/model/weights/safetensors.hpp"

#include "core/model/weights/number_formats.hpp"
#include "core/model/weights/safetensors_writer.hpp"
#include "tests/unit/weights/test_files.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace cogent::model {
namespace {

// A file of this header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data) {
  const std::uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + header +
         std::string(data, '\0');
}

void refuses(const std::string& bytes, const std::vector<std::string>& parts) {
  expect_error(ErrorCode::kModel, parts,
               [&] { parse_safetensors(std::as_bytes(std::span(bytes)), "file"); });
}

std::string entry(const std::string& type, const std::string& shape, const std::string& offsets) {
  return R"({"dtype": ")" + type + R"(", "shape": )" + shape + R"(, "data_offsets": )" + offsets +
         "}";
}

TEST(Safetensors, ReadsAScalarAnEmptyTensorAndDoubles) {
  const std::string bytes =
      file_of("{\"__metadata__\": {\"a\": \"b\"}, \"x\": " + entry("F64", "[2]", "[0, 16]") +
                  ", \"s\": " + entry("F32", "[]", "[16, 20]") +
                  ", \"none\": " + entry("F16", "[0, 5]", "[20, 20]") + "}",
              20);
  const auto tensors = parse_safetensors(std::as_bytes(std::span(bytes)), "file");
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors.at("s").size(), 1);
  EXPECT_EQ(tensors.at("none").size(), 0);
  std::vector<float> values(2, 1.0F);
  tensors.at("x").to_float(values);
  EXPECT_EQ(values, std::vector<float>(2, 0.0F));
}

TEST(Safetensors, RefusesBadHeaders) {
  refuses("", {"cut off"});
  refuses(file_of("{}", 0).substr(0, 7), {"cut off"});
  refuses(std::string(8, '\xFF'), {"header of 18446744073709551615"});
  refuses(file_of("[]", 0), {"not a JSON object"});
  refuses(file_of("{\"x\"", 0), {"not JSON"});
  refuses(file_of("{\"x\": 3}", 0), {"tensor x"});
  refuses(file_of("{\"x\": {}}", 0), {"tensor x", "dtype"});
  refuses(file_of("{\"x\": " + entry("I32", "[1]", "[0, 4]") + "}", 4), {"tensor x", "I32"});
  refuses(file_of("{\"x\": " + entry("F32", "[2]", "[0, 8]") + "}", 7), {"byte 8", "7 bytes"});
  refuses(file_of("{\"x\": " + entry("F32", "[3]", "[0, 8]") + "}", 8), {"8 bytes", "12"});
  refuses(file_of("{\"x\": " + entry("F32", "[1]", "[8, 4]") + "}", 8), {"[begin, end]"});
  refuses(file_of("{\"x\": " + entry("F32", "[1]", "[0]") + "}", 8), {"[begin, end]"});
  refuses(file_of("{\"x\": " + entry("F32", "[-1]", "[0, 4]") + "}", 8), {"shape"});
  refuses(file_of("{\"x\": " + entry("F32", "[4294967296, 4294967296]", "[0, 0]") + "}", 8),
          {"too large"});
  refuses(file_of("{\"x\": " + entry("F32", "[2]", "[0, 8]") +
                      ", \"y\": " + entry("F32", "[1]", "[4, 8]") + "}",
                  8),
          {"x", "y", "share"});
}

TEST(Safetensors, RefusesEveryCutOffFile) {
  const std::string bytes = file_of("{\"x\": " + entry("BF16", "[4, 3]", "[0, 24]") + "}", 24);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_THROW(parse_safetensors(std::as_bytes(std::span(cut)), "cut"), Error) << length;
  }
}

TEST(Safetensors, RefusesAnIndexThatLeavesTheFolderOrLies) {
  const ScratchFolder scratch;
  const auto opens = [&] { SafetensorsFolder{scratch.path()}; };
  const auto index = scratch / "model.safetensors.index.json";
  expect_error(ErrorCode::kModel, {"neither model.safetensors"}, opens);
  write_text(index, R"({"weight_map": {"x": "../secret.safetensors"}})");
  expect_error(ErrorCode::kModel, {"../secret.safetensors", "same folder"}, opens);
  write_text(index, R"({"weight_map": {"x": 4}})");
  expect_error(ErrorCode::kModel, {"tensor x", "not a string"}, opens);
  write_text(index, R"({"weight_map": {"x": "a.safetensors"}})");
  expect_error(ErrorCode::kModel, {"a.safetensors"}, opens);
  write_text(scratch / "a.safetensors", file_of("{}", 0));
  expect_error(ErrorCode::kModel, {"tensor x", "none of the files"}, opens);
  const std::string one = file_of("{\"x\": " + entry("F32", "[1]", "[0, 4]") + "}", 4);
  write_text(scratch / "a.safetensors", one);
  EXPECT_NO_THROW(opens());
  write_text(scratch / "b.safetensors", one);
  write_text(index, R"({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})");
  expect_error(ErrorCode::kModel, {"tensor x", "another file"}, opens);
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  const ScratchFolder scratch;
  const auto path = scratch / "model.safetensors";
  const std::vector<ParameterSpec> specs = {{"b.weight", 2, 3, true}, {"a.bias", 5, 0, false}};
  const std::vector<float> matrix = {1, -2, 3.5, 0.1F, 1e-30F, -0.0F};
  const std::vector<float> vector = {1, 2, 3, 4, 5};
  SafetensorsWriter writer(path, specs, ExportType::kFloat32);
  writer.write(matrix);
  EXPECT_THROW(writer.finish(), Error);  // one is missing
  writer.write(vector);
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.finish();
  const std::string bytes = read_file(path, ErrorCode::kModel);
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_NE(bytes.find(R"("format":"pt")"), std::string::npos);
  const SafetensorsFolder folder(scratch.path());
  ASSERT_NE(folder.find_tensor("b.weight"), nullptr);
  EXPECT_EQ(folder.find_tensor("b.weight")->shape, (std::vector<std::int64_t>{2, 3}));
  std::vector<float> values(6);
  folder.find_tensor("b.weight")->to_float(values);
  EXPECT_EQ(values, matrix);
  values.resize(5);
  folder.find_tensor("a.bias")->to_float(values);
  EXPECT_EQ(values, vector);
}

TEST(SafetensorsWriter, LeavesNothingWhenItIsDropped) {
  const ScratchFolder scratch;
  { SafetensorsWriter writer(scratch / "m", {{"a", 1, 0, false}}, ExportType::kFloat32); }
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(NumberFormats, RoundToNearestEvenBfloat16) {
  EXPECT_EQ(float_to_bfloat16(1.0F), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3F808000u)), 0x3F80);  // tie, to even
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3F818000u)), 0x3F82);  // tie, to even
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3F808001u)), 0x3F81);
  EXPECT_EQ(float_to_bfloat16(std::numeric_limits<float>::max()), 0x7F80);  // infinity
  EXPECT_EQ(float_to_bfloat16(-0.0F), 0x8000);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7F800001u)))));
}

TEST(NumberFormats, ReadHalves) {
  EXPECT_EQ(half_to_float(0x3C00), 1.0F);
  EXPECT_EQ(half_to_float(0xC000), -2.0F);
  EXPECT_EQ(half_to_float(0x7BFF), 65504.0F);
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24F);
  EXPECT_EQ(half_to_float(0x83FF), -1023 * 0x1p-24F);
  EXPECT_TRUE(std::signbit(half_to_float(0x8000)));
  EXPECT_EQ(half_to_float(0x7C00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(half_to_float(0x7E00)));
}

}  // namespace
}  // namespace cogent::model
