#pragma once

#include "core/model/weights/hf_config.hpp"
#include "core/model/weights/model_config.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <vector>

namespace cogent::model {

// Writes one safetensors file, tensor after tensor, so that only one is in memory. The file has its
// name only after finish(); a writer that is dropped before leaves nothing.
class SafetensorsWriter {
 public:
  // The tensors, in the order in which they will be written.
  SafetensorsWriter(std::filesystem::path path, std::vector<ParameterSpec> tensors,
                    ExportType type);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // The next tensor's values, row-major.
  void write(std::span<const float> values);
  // Syncs the file and gives it its name. Every tensor must have been written.
  void finish();

 private:
  void append(const void* from, std::size_t bytes);

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::vector<ParameterSpec> tensors_;
  ExportType type_;
  std::ofstream stream_;
  std::size_t written_ = 0;  // tensors
  bool finished_ = false;
};

// One file of all parameters of the units, in their order; one is in memory at a time.
void write_safetensors(const std::filesystem::path& path, const std::vector<UnitSpec>& units,
                       ExportType type, const ReadParameter& read_parameter);

}  // namespace cogent::model
