#include "core/model/weights/weight_source.hpp"

#include "core/base/error.hpp"
#include "core/model/weights/end_tokens.hpp"
#include "core/model/weights/gguf_model.hpp"
#include "core/model/weights/hf_model.hpp"
#include "core/model/weights/random_weights.hpp"

namespace cogent::model {
namespace {

namespace fs = std::filesystem;

enum class PathKind { kFolder, kGguf, kTokenizerJson, kOther };

PathKind kind_of(const std::string& path) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  check(fs::exists(status), ErrorCode::kModel, "the model ", path,
        " does not exist; a Hugging Face folder, a GGUF file or random:KEY=VALUE,... is needed");
  if (fs::is_directory(status)) {
    return PathKind::kFolder;
  }
  if (is_gguf_file(path)) {
    return PathKind::kGguf;
  }
  return fs::path(path).extension() == ".json" ? PathKind::kTokenizerJson : PathKind::kOther;
}

text::TokenizerSpec read_tokenizer(const std::string& path) {
  switch (kind_of(path)) {
    case PathKind::kFolder:
      return read_hf_tokenizer(fs::path(path) / "tokenizer.json");
    case PathKind::kGguf:
      return read_gguf_tokenizer(GgufFile(path));
    case PathKind::kTokenizerJson:
      return read_hf_tokenizer(path);
    case PathKind::kOther:
      break;
  }
  fail(
      ErrorCode::kModel, path,
      " holds no tokenizer: it is neither a Hugging Face folder, a tokenizer.json nor a GGUF file");
}

std::unique_ptr<WeightSource> open_random(const std::string& path) {
  RandomModel model(path);
  ModelConfig& config = model.config;
  if (!model.tokenizer_path.empty()) {
    const text::TokenizerSpec spec = read_tokenizer(model.tokenizer_path);
    const auto tokens = static_cast<std::int64_t>(spec.tokens.size());
    config.vocab_size = config.vocab_size == 0 ? tokens : config.vocab_size;
    check(config.vocab_size >= tokens, ErrorCode::kUsage, path, ": vocab is ", config.vocab_size,
          ", but the tokenizer has ", tokens, " tokens");
    config.eos_ids = end_token_ids(spec.eos_id, spec.tokens);
    config.bos_id = spec.bos_id;
    config.pad_id = spec.pad_id;
  }
  check(config.vocab_size > 0, ErrorCode::kUsage, path,
        ": tokenizer=PATH or vocab=NUMBER is needed");
  check_model_config(config, path);
  return make_random_weights(config, model.seed);
}

}  // namespace

std::unique_ptr<WeightSource> open_weights(const std::string& path) {
  if (path.starts_with(kRandomPrefix)) {
    return open_random(path);
  }
  switch (kind_of(path)) {
    case PathKind::kFolder:
      return open_hf_model(path);
    case PathKind::kGguf:
      return open_gguf_model(GgufFile(path));
    case PathKind::kTokenizerJson:
    case PathKind::kOther:
      break;
  }
  fail(ErrorCode::kModel, path,
       " is not a model: it is neither a Hugging Face folder nor a GGUF file");
}

text::Tokenizer open_tokenizer(const std::string& path) {
  if (!path.starts_with(kRandomPrefix)) {
    return text::Tokenizer(read_tokenizer(path));
  }
  const RandomModel model(path);
  check(!model.tokenizer_path.empty(), ErrorCode::kUsage, path,
        ": tokenizer=PATH is needed to have a tokenizer");
  return text::Tokenizer(read_tokenizer(model.tokenizer_path));
}

}  // namespace cogent::model
