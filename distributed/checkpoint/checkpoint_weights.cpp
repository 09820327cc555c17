#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/model/weights/hf_config.hpp"
#include "distributed/checkpoint/checkpoint_reader.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"

namespace cogent::distributed {
namespace {

namespace fs = std::filesystem;

class CheckpointWeights : public model::WeightSource {
 public:
  explicit CheckpointWeights(const fs::path& dir) : reader_(dir) {
    const fs::path path = dir / "config.json";
    reader_.verify_file("config.json");
    config_ =
        model::parse_model_config_json(read_file(path, ErrorCode::kCheckpoint), path.string());
  }
  const model::ModelConfig& config() const override { return config_; }
  void read(const model::ParameterSpec& parameter, std::span<float> out) const override {
    check(static_cast<std::int64_t>(out.size()) == parameter.size(), ErrorCode::kCheckpoint,
          parameter.name, " has ", parameter.size(), " values, room is given for ", out.size());
    std::vector<std::int64_t> shape = {parameter.rows};
    if (parameter.is_matrix()) {
      shape.push_back(parameter.cols);
    }
    reader_.read(ShardKind::kWeight, {{{parameter.name, std::move(shape), 0}, out}});
  }

 private:
  CheckpointReader reader_;
  model::ModelConfig config_;
};

}  // namespace

std::unique_ptr<model::WeightSource> open_checkpoint_weights(const fs::path& dir) {
  return std::make_unique<CheckpointWeights>(dir);
}

}  // namespace cogent::distributed
