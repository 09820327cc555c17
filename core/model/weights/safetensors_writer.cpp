#include "core/model/weights/safetensors_writer.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/model/weights/number_formats.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <utility>

namespace cogent::model {
namespace {

namespace json = boost::json;

constexpr std::size_t kAlignment = 8;  // of the data, as safetensors' own writer does

std::string header_json(const std::vector<ParameterSpec>& tensors, ExportType type) {
  const bool is_short = type == ExportType::kBfloat16;
  json::object header{{"__metadata__", json::object{{"format", "pt"}}}};
  std::int64_t offset = 0;
  for (const ParameterSpec& tensor : tensors) {
    json::array shape{tensor.rows};
    if (tensor.is_matrix()) {
      shape.push_back(tensor.cols);
    }
    const std::int64_t end = offset + tensor.size() * (is_short ? 2 : 4);
    header[tensor.name] = json::object{{"dtype", is_short ? "BF16" : "F32"},
                                       {"shape", std::move(shape)},
                                       {"data_offsets", json::array{offset, end}}};
    offset = end;
  }
  std::string text = json::serialize(header);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(std::filesystem::path path, std::vector<ParameterSpec> tensors,
                                     ExportType type)
    : path_(std::move(path)),
      temporary_(path_.string() + ".tmp"),
      tensors_(std::move(tensors)),
      type_(type),
      stream_(temporary_, std::ios::binary | std::ios::trunc) {
  check(stream_.good(), ErrorCode::kModel, temporary_.string(), " cannot be opened for writing");
  const std::string header = header_json(tensors_, type_);
  const std::uint64_t size = header.size();
  append(&size, sizeof size);
  append(header.data(), header.size());
}

SafetensorsWriter::~SafetensorsWriter() {
  if (!finished_) {
    stream_.close();
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
  }
}

void SafetensorsWriter::write(std::span<const float> values) {
  check(written_ < tensors_.size(), ErrorCode::kUnexpected, path_.string(),
        " was announced to hold ", tensors_.size(), " tensors, and one more was written");
  const ParameterSpec& tensor = tensors_[written_];
  check(values.size() == static_cast<std::size_t>(tensor.size()), ErrorCode::kUnexpected, "tensor ",
        tensor.name, " has ", tensor.size(), " values, but ", values.size(), " were written");
  if (type_ == ExportType::kFloat32) {
    append(values.data(), values.size_bytes());
  } else {
    std::vector<std::uint16_t> rounded(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      rounded[i] = float_to_bfloat16(values[i]);
    }
    append(rounded.data(), rounded.size() * sizeof rounded[0]);
  }
  ++written_;
}

void SafetensorsWriter::finish() {
  check(written_ == tensors_.size(), ErrorCode::kUnexpected, path_.string(), " holds ", written_,
        " of its ", tensors_.size(), " tensors");
  stream_.close();
  check(!stream_.fail(), ErrorCode::kModel, temporary_.string(),
        " cannot be written; is the disk full?");
  sync_path(temporary_, ErrorCode::kModel);
  std::error_code failure;
  std::filesystem::rename(temporary_, path_, failure);
  check(!failure, ErrorCode::kModel, temporary_.string(), " cannot be renamed to ", path_.string(),
        ": ", failure.message());
  finished_ = true;
}

void SafetensorsWriter::append(const void* from, std::size_t bytes) {
  stream_.write(static_cast<const char*>(from), static_cast<std::streamsize>(bytes));
  check(stream_.good(), ErrorCode::kModel, temporary_.string(),
        " cannot be written; is the disk full?");
}

void write_safetensors(const std::filesystem::path& path, const std::vector<UnitSpec>& units,
                       ExportType type, const ReadParameter& read_parameter) {
  std::vector<ParameterSpec> parameters;
  for (const UnitSpec& unit : units) {
    parameters.insert(parameters.end(), unit.parameters.begin(), unit.parameters.end());
  }
  SafetensorsWriter writer(path, parameters, type);
  std::vector<float> values;
  for (const ParameterSpec& parameter : parameters) {
    values.resize(static_cast<std::size_t>(parameter.size()));
    read_parameter(parameter, values);
    writer.write(values);
  }
  writer.finish();
}

}  // namespace cogent::model
