#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/model/weights/peft_config.hpp"
#include "distributed/checkpoint/checkpoint_reader.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"

#include <memory>

namespace cogent::distributed {

namespace fs = std::filesystem;

bool holds_adapter(const fs::path& dir) {
  return CheckpointReader(dir).manifest().state.base_xxh3.has_value();
}

model::Adapter open_checkpoint_adapter(const fs::path& dir) {
  const auto reader = std::make_shared<const CheckpointReader>(dir);
  reader->verify_file(model::kPeftConfigName);
  const fs::path path = dir / model::kPeftConfigName;
  const model::PeftConfig config =
      model::parse_peft_config(read_file(path, ErrorCode::kCheckpoint), path.string());
  check(!target_names(config.lora).empty(), ErrorCode::kCheckpoint, path.string(),
        " names no linear layer in target_modules");
  return {config.lora, [reader](const model::ParameterSpec& parameter, std::span<float> out) {
            reader->read(ShardKind::kWeight,
                         {{{parameter.name, {parameter.rows, parameter.cols}, 0}, out}});
          }};
}

}  // namespace cogent::distributed
