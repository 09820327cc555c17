#pragma once

#include "core/base/files.hpp"
#include "core/model/weights/ggml_types.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cogent::model {

// A metadata value. Integers of every width are int64; a float32 is the decimal number that it
// stands for (1e-05, not 9.99999975e-06). Arrays of arrays are read past and left empty.
using GgufValue =
    std::variant<std::monostate, std::int64_t, double, bool, std::string, std::vector<std::int64_t>,
                 std::vector<double>, std::vector<std::string>>;

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // outermost first: [rows, cols], the reverse of ggml's order
  const GgmlFormat* format = nullptr;
  std::span<const std::byte> bytes;  // in the mapped file
  std::int64_t size() const;         // values
};

// A GGUF file of version 2 or 3 (little-endian), mapped. Everything is checked when it is opened:
// counts, lengths, offsets, alignment, tensor types. An Error of kModel names the file, the thing
// and both numbers.
class GgufFile {
 public:
  explicit GgufFile(const std::filesystem::path& path);
  // The same of bytes in memory, which must outlive the object. `source` begins every Error.
  GgufFile(std::span<const std::byte> bytes, std::string source);

  const std::map<std::string, GgufTensor, std::less<>>& tensors() const { return tensors_; }
  const GgufTensor* find_tensor(std::string_view name) const;
  // This tensor was read: its bytes leave this process's memory until somebody reads them again.
  void drop_pages(const GgufTensor& tensor) const;

  // Metadata by key; nothing where the key is absent. A value of another type is an Error.
  std::optional<std::int64_t> find_int(std::string_view key) const;
  std::optional<double> find_number(std::string_view key) const;
  std::optional<std::string> find_string(std::string_view key) const;
  const std::vector<std::string>* find_strings(std::string_view key) const;
  const std::vector<std::int64_t>* find_ints(std::string_view key) const;
  // The same, where the key must be there.
  std::int64_t need_int(std::string_view key) const;
  std::string need_string(std::string_view key) const;

  const std::string& source() const { return source_; }

 private:
  template <typename T>
  const T* find(std::string_view key, const char* needed) const;

  void parse(std::span<const std::byte> bytes);

  std::string source_;
  std::optional<MappedFile> file_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::map<std::string, GgufTensor, std::less<>> tensors_;
};

// Whether the file begins as a GGUF file does.
bool is_gguf_file(const std::filesystem::path& path);

}  // namespace cogent::model
