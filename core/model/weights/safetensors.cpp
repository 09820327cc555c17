#include "core/model/weights/safetensors.hpp"

#include "core/base/bytes.hpp"
#include "core/model/weights/number_formats.hpp"
#include "core/text/json_member.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Tensors = std::map<std::string, SafetensorsTensor, std::less<>>;

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit

std::uint64_t value_bytes(SafetensorsType type) {
  switch (type) {
    case SafetensorsType::kFloat16:
    case SafetensorsType::kBfloat16:
      return 2;
    case SafetensorsType::kFloat32:
      return 4;
    case SafetensorsType::kFloat64:
      return 8;
  }
  return 0;
}

SafetensorsType parse_type(const std::string& name, const std::string& where) {
  if (name == "F16") {
    return SafetensorsType::kFloat16;
  }
  if (name == "BF16") {
    return SafetensorsType::kBfloat16;
  }
  if (name == "F32") {
    return SafetensorsType::kFloat32;
  }
  check(name == "F64", ErrorCode::kModel, where, " is of type ", name,
        "; F32, F16, BF16 and F64 are supported");
  return SafetensorsType::kFloat64;
}

std::vector<std::uint64_t> read_numbers(const json::object& entry, const char* key,
                                        const std::string& where) {
  const json::value& list = text::need_member(entry, key, where);
  check(list.is_array(), ErrorCode::kModel, where, ": \"", key, "\" is not a list");
  std::vector<std::uint64_t> numbers;
  for (const json::value& number : list.get_array()) {
    check(number.is_int64() && number.get_int64() >= 0, ErrorCode::kModel, where, ": \"", key,
          "\" holds what is not an integer of 0 or more");
    numbers.push_back(static_cast<std::uint64_t>(number.get_int64()));
  }
  return numbers;
}

SafetensorsTensor read_entry(const json::object& entry, std::span<const std::byte> data,
                             const std::string& where) {
  SafetensorsTensor tensor;
  tensor.type = parse_type(text::need_text(entry, "dtype", where), where);
  std::uint64_t bytes = value_bytes(tensor.type);
  for (const std::uint64_t length : read_numbers(entry, "shape", where)) {
    constexpr auto kLimit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    check(length == 0 || bytes <= kLimit / length, ErrorCode::kModel, where,
          " has a shape whose product is too large, at a dimension of ", length);
    bytes *= length;
    tensor.shape.push_back(static_cast<std::int64_t>(length));
  }
  const auto offsets = read_numbers(entry, "data_offsets", where);
  check(offsets.size() == 2 && offsets[0] <= offsets[1], ErrorCode::kModel, where,
        ": \"data_offsets\" is not [begin, end]");
  check(offsets[1] <= data.size(), ErrorCode::kModel, where, " ends at byte ", offsets[1],
        ", but the file's data has ", data.size(), " bytes; is the file truncated?");
  check(offsets[1] - offsets[0] == bytes, ErrorCode::kModel, where, " has ",
        offsets[1] - offsets[0], " bytes, but its shape and type need ", bytes);
  tensor.bytes = data.subspan(offsets[0], bytes);
  return tensor;
}

void check_disjoint(const Tensors& tensors, const std::string& source) {
  std::vector<const Tensors::value_type*> order;
  for (const auto& entry : tensors) {
    if (!entry.second.bytes.empty()) {
      order.push_back(&entry);
    }
  }
  std::sort(order.begin(), order.end(), [](const auto* left, const auto* right) {
    return left->second.bytes.data() < right->second.bytes.data();
  });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto& previous = order[i - 1]->second.bytes;
    check(previous.data() + previous.size() <= order[i]->second.bytes.data(), ErrorCode::kModel,
          source, ": the tensors ", order[i - 1]->first, " and ", order[i]->first, " share bytes");
  }
}

template <typename T, typename ToFloat>
void convert(std::span<const std::byte> bytes, std::span<float> out, ToFloat to_float) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, &bytes[i * sizeof(T)], sizeof(T));
    out[i] = to_float(value);
  }
}

}  // namespace

std::int64_t SafetensorsTensor::size() const {
  return static_cast<std::int64_t>(bytes.size() / value_bytes(type));
}

void SafetensorsTensor::to_float(std::span<float> out) const {
  check(out.size() == static_cast<std::size_t>(size()), ErrorCode::kUnexpected, "a tensor of ",
        size(), " values was read into ", out.size());
  switch (type) {
    case SafetensorsType::kFloat16:
      return convert<std::uint16_t>(bytes, out, half_to_float);
    case SafetensorsType::kBfloat16:
      return convert<std::uint16_t>(bytes, out, bfloat16_to_float);
    case SafetensorsType::kFloat32:
      return convert<float>(bytes, out, [](float value) { return value; });
    case SafetensorsType::kFloat64:
      return convert<double>(bytes, out, [](double value) { return static_cast<float>(value); });
  }
}

Tensors parse_safetensors(std::span<const std::byte> bytes, const std::string& source) {
  ByteReader reader(bytes, source, ErrorCode::kModel);
  const auto header_size = reader.read<std::uint64_t>();
  check(header_size <= kMaxHeader, ErrorCode::kModel, source, " has a header of ", header_size,
        " bytes; ", kMaxHeader, " are the limit: is it a safetensors file?");
  const auto header = reader.take(header_size);
  const auto data = bytes.subspan(reader.offset());
  const json::value root = text::parse_json(
      {reinterpret_cast<const char*>(header.data()), header.size()}, source + ": the header");
  Tensors tensors;
  for (const auto& [key, entry] : text::as_object(root, source + ": the header")) {
    if (key == "__metadata__") {
      continue;
    }
    const std::string name(key);
    const std::string where = source + ": tensor " + name;
    tensors.emplace(name, read_entry(text::as_object(entry, where), data, where));
  }
  check_disjoint(tensors, source);
  return tensors;
}

SafetensorsFolder::SafetensorsFolder(const fs::path& folder) {
  const fs::path index = folder / "model.safetensors.index.json";
  if (fs::exists(index)) {
    add_indexed_files(folder, index);
    return;
  }
  const fs::path single = folder / "model.safetensors";
  check(fs::exists(single), ErrorCode::kModel, folder.string(),
        " has neither model.safetensors nor model.safetensors.index.json");
  add_file(single);
}

void SafetensorsFolder::add_file(const fs::path& path) {
  const MappedFile& file = files_.emplace_back(path, ErrorCode::kModel);
  for (auto& [name, tensor] : parse_safetensors(file.bytes(), path.string())) {
    const bool fresh = tensors_.emplace(name, std::move(tensor)).second;
    check(fresh, ErrorCode::kModel, path.string(), ": tensor ", name,
          " stands in another file of the folder too");
  }
}

void SafetensorsFolder::add_indexed_files(const fs::path& folder, const fs::path& index) {
  const std::string where = index.string();
  const json::value root = text::parse_json(read_file(index, ErrorCode::kModel), where);
  const json::value& map = text::need_member(text::as_object(root, where), "weight_map", where);
  const json::object& weight_map = text::as_object(map, where + ": \"weight_map\"");
  std::set<std::string> names;
  for (const auto& [tensor, file] : weight_map) {
    check(file.is_string(), ErrorCode::kModel, where, ": the file of tensor ",
          std::string_view(tensor), " is not a string");
    const std::string name(file.get_string());
    check(!name.empty() && fs::path(name).filename() == name && name != "." && name != "..",
          ErrorCode::kModel, where, ": \"", name, "\" is not a file name in the same folder");
    names.insert(name);
  }
  for (const std::string& name : names) {
    add_file(folder / name);
  }
  for (const auto& member : weight_map) {
    check(tensors_.contains(std::string_view(member.key())), ErrorCode::kModel, where, ": tensor ",
          std::string_view(member.key()), " is in none of the files");
  }
}

void SafetensorsFolder::drop_pages(const SafetensorsTensor& tensor) const {
  for (const MappedFile& file : files_) {
    file.drop_pages(tensor.bytes);
  }
}

const SafetensorsTensor* SafetensorsFolder::find_tensor(std::string_view name) const {
  const auto place = tensors_.find(name);
  return place == tensors_.end() ? nullptr : &place->second;
}

}  // namespace cogent::model
