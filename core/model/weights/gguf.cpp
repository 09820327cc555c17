#include "core/model/weights/gguf.hpp"

#include "core/base/bytes.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>

namespace cogent::model {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kMaxAlignment = 1 << 20;
constexpr std::uint32_t kMaxDimensions = 4;
constexpr int kMaxArrayDepth = 4;

enum class ValueType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

double decimal_of(float value) {
  if (!std::isfinite(value)) {
    return value;
  }
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  double decimal = 0;
  std::from_chars(digits.data(), end, decimal);
  return decimal;
}

// One pass over the file: header, metadata, tensor table.
class Parser {
 public:
  Parser(std::span<const std::byte> bytes, const std::string& source)
      : reader_(bytes, source, ErrorCode::kModel), source_(source) {}

  // The counts of tensors and of metadata entries.
  std::pair<std::uint64_t, std::uint64_t> read_header() {
    const auto magic = reader_.take(kMagic.size());
    check(std::memcmp(magic.data(), kMagic.data(), kMagic.size()) == 0, ErrorCode::kModel, source_,
          " is not a GGUF file: it does not begin with \"GGUF\"");
    const auto version = reader_.read<std::uint32_t>();
    check(version == 2 || version == 3, ErrorCode::kModel, source_, " is of GGUF version ", version,
          "; versions 2 and 3, little-endian, are supported");
    const auto tensors = reader_.read<std::uint64_t>();
    const auto entries = reader_.read<std::uint64_t>();
    return {tensors, entries};
  }

  std::string read_name() { return reader_.read_string(); }

  GgufValue read_value(const std::string& key) {
    const auto type = reader_.read<ValueType>();
    return type == ValueType::kArray ? read_array(key, 1) : read_scalar(type, key);
  }

  GgufTensor read_tensor(std::uint64_t& offset) {
    GgufTensor tensor;
    tensor.name = read_name();
    const auto dimensions = reader_.read<std::uint32_t>();
    check(dimensions >= 1 && dimensions <= kMaxDimensions, ErrorCode::kModel, source_, ": tensor ",
          tensor.name, " has ", dimensions, " dimensions; 1 to ", kMaxDimensions, " are allowed");
    std::int64_t size = 1;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto length = reader_.read<std::uint64_t>();
      constexpr auto kLimit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      check(length >= 1 && length <= kLimit / static_cast<std::uint64_t>(size), ErrorCode::kModel,
            source_, ": tensor ", tensor.name, " has a dimension of ", length,
            ", which is 0 or too large");
      size *= static_cast<std::int64_t>(length);
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(length));
    }
    const auto type = reader_.read<std::uint32_t>();
    tensor.format = find_ggml_format(type);
    check(tensor.format != nullptr, ErrorCode::kModel, source_, ": tensor ", tensor.name,
          " is of type ", ggml_type_name(type),
          "; F32, F16, BF16, Q8_0, Q4_0 and Q4_1 are supported");
    check(static_cast<std::uint64_t>(tensor.shape.back()) % tensor.format->block_values == 0,
          ErrorCode::kModel, source_, ": tensor ", tensor.name, " has rows of ",
          tensor.shape.back(), " values, which is no multiple of the ", tensor.format->block_values,
          " values of a ", tensor.format->name, " block");
    offset = reader_.read<std::uint64_t>();
    return tensor;
  }

  std::uint64_t offset() const { return reader_.offset(); }

 private:
  std::int64_t read_int(ValueType type, const std::string& key) {
    switch (type) {
      case ValueType::kUint8:
        return reader_.read<std::uint8_t>();
      case ValueType::kInt8:
        return reader_.read<std::int8_t>();
      case ValueType::kUint16:
        return reader_.read<std::uint16_t>();
      case ValueType::kInt16:
        return reader_.read<std::int16_t>();
      case ValueType::kUint32:
        return reader_.read<std::uint32_t>();
      case ValueType::kInt32:
        return reader_.read<std::int32_t>();
      case ValueType::kInt64:
        return reader_.read<std::int64_t>();
      case ValueType::kUint64: {
        const auto value = reader_.read<std::uint64_t>();
        check(std::in_range<std::int64_t>(value), ErrorCode::kModel, source_, ": ", key, " is ",
              value, ", which does not fit 63 bits");
        return static_cast<std::int64_t>(value);
      }
      default:
        fail(ErrorCode::kModel, source_, ": ", key, " is of the unknown value type ",
             static_cast<std::uint32_t>(type));
    }
  }

  bool read_bool() { return reader_.read<std::uint8_t>() != 0; }

  double read_float(ValueType type) {
    return type == ValueType::kFloat32 ? decimal_of(reader_.read<float>()) : reader_.read<double>();
  }

  static bool is_float(ValueType type) {
    return type == ValueType::kFloat32 || type == ValueType::kFloat64;
  }

  GgufValue read_scalar(ValueType type, const std::string& key) {
    if (type == ValueType::kString) {
      return reader_.read_string();
    }
    if (type == ValueType::kBool) {
      return read_bool();
    }
    return is_float(type) ? GgufValue(read_float(type)) : GgufValue(read_int(type, key));
  }

  GgufValue read_array(const std::string& key, int depth) {
    const auto type = reader_.read<ValueType>();
    const auto count = reader_.read<std::uint64_t>();
    // Every element takes a byte at least: no count makes the loops below outrun the file.
    check(count <= reader_.remaining(), ErrorCode::kModel, source_, ": ", key, " has ", count,
          " elements, but ", reader_.remaining(), " bytes are left in the file");
    if (type == ValueType::kArray) {
      check(depth < kMaxArrayDepth, ErrorCode::kModel, source_, ": ", key,
            " is an array nested deeper than ", kMaxArrayDepth);
      for (std::uint64_t i = 0; i < count; ++i) {
        read_array(key, depth + 1);
      }
      return {};
    }
    if (type == ValueType::kString) {
      return fill<std::string>(count, [&] { return reader_.read_string(); });
    }
    if (is_float(type)) {
      return fill<double>(count, [&] { return read_float(type); });
    }
    if (type == ValueType::kBool) {
      return fill<std::int64_t>(count, [&] { return std::int64_t{read_bool()}; });
    }
    return fill<std::int64_t>(count, [&] { return read_int(type, key); });
  }

  // Grows as it reads: a count that the file does not hold ends in an error, not in an allocation.
  template <typename T, typename ReadOne>
  static GgufValue fill(std::uint64_t count, ReadOne read_one) {
    std::vector<T> values;
    for (std::uint64_t i = 0; i < count; ++i) {
      values.push_back(read_one());
    }
    return values;
  }

  ByteReader reader_;
  const std::string& source_;
};

std::uint64_t read_alignment(const GgufFile& file) {
  const std::int64_t alignment = file.find_int("general.alignment").value_or(kDefaultAlignment);
  const auto value = static_cast<std::uint64_t>(alignment);
  check(alignment > 0 && value <= kMaxAlignment && std::has_single_bit(value), ErrorCode::kModel,
        file.source(), ": general.alignment is ", alignment, "; a power of two up to ",
        kMaxAlignment, " is needed");
  return value;
}

// The part of the data section that the tensor names, checked.
std::span<const std::byte> tensor_bytes(const GgufTensor& tensor, std::uint64_t offset,
                                        std::uint64_t alignment, std::span<const std::byte> data,
                                        const std::string& source) {
  check(offset % alignment == 0, ErrorCode::kModel, source, ": tensor ", tensor.name,
        " is at offset ", offset, ", which is no multiple of the alignment ", alignment);
  const std::uint64_t blocks =
      static_cast<std::uint64_t>(tensor.size()) / tensor.format->block_values;
  check(offset <= data.size() && blocks <= (data.size() - offset) / tensor.format->block_bytes,
        ErrorCode::kModel, source, ": tensor ", tensor.name, " needs ", blocks, " blocks of ",
        tensor.format->block_bytes, " bytes at offset ", offset, ", but the file's data has ",
        data.size(), " bytes; is the file truncated?");
  return data.subspan(offset, blocks * tensor.format->block_bytes);
}

}  // namespace

std::int64_t GgufTensor::size() const {
  std::int64_t product = 1;
  for (const std::int64_t length : shape) {
    product *= length;
  }
  return product;
}

GgufFile::GgufFile(const std::filesystem::path& path)
    : source_(path.string()), file_(std::in_place, path, ErrorCode::kModel) {
  parse(file_->bytes());
}

GgufFile::GgufFile(std::span<const std::byte> bytes, std::string source)
    : source_(std::move(source)) {
  parse(bytes);
}

void GgufFile::parse(std::span<const std::byte> bytes) {
  Parser parser(bytes, source_);
  const auto [tensor_count, entry_count] = parser.read_header();
  for (std::uint64_t i = 0; i < entry_count; ++i) {
    const std::string key = parser.read_name();
    const bool fresh = metadata_.emplace(key, parser.read_value(key)).second;
    check(fresh, ErrorCode::kModel, source_, ": the key ", key, " stands twice");
  }
  const std::uint64_t alignment = read_alignment(*this);
  std::map<std::string, std::uint64_t, std::less<>> offsets;
  for (std::uint64_t i = 0; i < tensor_count; ++i) {
    std::uint64_t offset = 0;
    GgufTensor tensor = parser.read_tensor(offset);
    offsets[tensor.name] = offset;
    const auto [place, fresh] = tensors_.emplace(tensor.name, std::move(tensor));
    check(fresh, ErrorCode::kModel, source_, ": tensor ", place->first, " stands twice");
  }
  const std::uint64_t begin = (parser.offset() + alignment - 1) / alignment * alignment;
  const auto data = begin < bytes.size() ? bytes.subspan(begin) : std::span<const std::byte>();
  for (auto& [tensor_name, tensor] : tensors_) {
    tensor.bytes = tensor_bytes(tensor, offsets[tensor_name], alignment, data, source_);
  }
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto place = tensors_.find(name);
  return place == tensors_.end() ? nullptr : &place->second;
}

template <typename T>
const T* GgufFile::find(std::string_view key, const char* needed) const {
  const auto place = metadata_.find(key);
  if (place == metadata_.end()) {
    return nullptr;
  }
  const T* value = std::get_if<T>(&place->second);
  check(value != nullptr, ErrorCode::kModel, source(), ": ", key, " is not ", needed);
  return value;
}

std::optional<std::int64_t> GgufFile::find_int(std::string_view key) const {
  const auto* value = find<std::int64_t>(key, "an integer");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<double> GgufFile::find_number(std::string_view key) const {
  const auto* value = find<double>(key, "a floating-point number");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::string> GgufFile::find_string(std::string_view key) const {
  const auto* value = find<std::string>(key, "a string");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

void GgufFile::drop_pages(const GgufTensor& tensor) const {
  if (file_) {
    file_->drop_pages(tensor.bytes);
  }
}

const std::vector<std::string>* GgufFile::find_strings(std::string_view key) const {
  return find<std::vector<std::string>>(key, "an array of strings");
}

const std::vector<std::int64_t>* GgufFile::find_ints(std::string_view key) const {
  return find<std::vector<std::int64_t>>(key, "an array of integers");
}

std::int64_t GgufFile::need_int(std::string_view key) const {
  const auto value = find_int(key);
  check(value.has_value(), ErrorCode::kModel, source(), ": ", key, " is missing");
  return *value;
}

std::string GgufFile::need_string(std::string_view key) const {
  const auto value = find_string(key);
  check(value.has_value(), ErrorCode::kModel, source(), ": ", key, " is missing");
  return *value;
}

bool is_gguf_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::array<char, kMagic.size()> begin{};
  stream.read(begin.data(), begin.size());
  return stream.good() && std::string_view(begin.data(), begin.size()) == kMagic;
}

}  // namespace cogent::model
