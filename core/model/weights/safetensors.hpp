#pragma once

#include "core/base/files.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::model {

enum class SafetensorsType { kFloat16, kBfloat16, kFloat32, kFloat64 };

struct SafetensorsTensor {
  SafetensorsType type = SafetensorsType::kFloat32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // in the mapped file

  std::int64_t size() const;  // values
  // Fills `out`, of size() values. Exact, but for F64, which is rounded to float32.
  void to_float(std::span<float> out) const;
};

// The tensors of a Hugging Face folder: model.safetensors, or the files that
// model.safetensors.index.json names, mapped. Header, offsets, shapes and sizes are checked when it
// is opened: an Error of kModel names the file, the tensor and both numbers.
class SafetensorsFolder {
 public:
  explicit SafetensorsFolder(const std::filesystem::path& folder);

  const std::map<std::string, SafetensorsTensor, std::less<>>& tensors() const { return tensors_; }
  const SafetensorsTensor* find_tensor(std::string_view name) const;
  // This tensor was read: its bytes leave this process's memory until somebody reads them again.
  void drop_pages(const SafetensorsTensor& tensor) const;

 private:
  void add_file(const std::filesystem::path& path);
  void add_indexed_files(const std::filesystem::path& folder, const std::filesystem::path& index);

  std::vector<MappedFile> files_;
  std::map<std::string, SafetensorsTensor, std::less<>> tensors_;
};

// The tensors of one file's bytes, which must outlive the result. `source` begins every Error.
std::map<std::string, SafetensorsTensor, std::less<>> parse_safetensors(
    std::span<const std::byte> bytes, const std::string& source);

}  // namespace cogent::model
