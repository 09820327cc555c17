#include "core/model/weights/peft_config.hpp"

#include "core/base/error.hpp"
#include "core/text/json_member.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace cogent::model {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxRank = 1 << 16;

// Keys that say nothing about the arithmetic of the finished adapter, or whose say is read from the
// tensors (which layers have one), and those that are read one by one.
constexpr std::string_view kPassedOver[] = {"auto_mapping",
                                            "base_model_name_or_path",
                                            "bias",
                                            "exclude_modules",
                                            "inference_mode",
                                            "init_lora_weights",
                                            "lora_alpha",
                                            "lora_dropout",
                                            "megatron_core",
                                            "peft_type",
                                            "peft_version",
                                            "qalora_group_size",
                                            "r",
                                            "revision",
                                            "target_modules",
                                            "task_type",
                                            "use_rslora"};

bool is_set(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return false;
    case json::kind::bool_:
      return value.get_bool();
    case json::kind::string:
      return !value.get_string().empty();
    case json::kind::array:
      return !value.get_array().empty();
    case json::kind::object:
      return !value.get_object().empty();
    default:
      return value.to_number<double>() != 0;
  }
}

struct PeftReader {
  const json::object& object;
  const std::string& source;

  [[noreturn]] void refuse(std::string_view key, const json::value& value,
                           std::string_view needed) const {
    fail(ErrorCode::kModel, source, ": \"", key, "\" is ", json::serialize(value), "; ", needed);
  }
  const json::value& need(std::string_view key) const {
    return text::need_member(object, key, source);
  }

  void check_text(std::string_view key, std::string_view expected) const {
    const json::value* const value = text::find_member(object, key);
    if (value != nullptr && !(value->is_string() && value->get_string() == expected)) {
      refuse(key, *value, concat("only ", expected, " is supported"));
    }
  }
  // PiSSA, OLoRA, CorDA, LoftQ and the like start from a changed base.
  void check_initialisation() const {
    const json::value* const value = text::find_member(object, "init_lora_weights");
    const bool keeps_base = value == nullptr || value->is_bool() ||
                            (value->is_string() &&
                             (value->get_string() == "gaussian" ||
                              value->get_string() == "orthogonal" || value->get_string() == "eva"));
    if (!keeps_base) {
      refuse("init_lora_weights", *value,
             "an adapter whose initialisation changes the base is not supported: save it as plain "
             "LoRA (PEFT converts it)");
    }
  }
  void check_rest() const {
    for (const auto& [key, value] : object) {
      if (std::ranges::find(kPassedOver, std::string_view(key)) == std::end(kPassedOver) &&
          is_set(value)) {
        refuse(key, value, "this is not supported: an adapter of plain LoRA has it unset");
      }
    }
  }

  std::int64_t rank() const {
    const json::value& value = need("r");
    if (!value.is_int64() || value.get_int64() < 1 || value.get_int64() > kMaxRank) {
      refuse("r", value, concat("the rank must be an integer from 1 to ", kMaxRank));
    }
    return value.get_int64();
  }
  double number(std::string_view key) const {
    const json::value& value = need(key);
    const double number = value.is_number() ? value.to_number<double>() : -1;
    if (!std::isfinite(number) || number < 0) {
      refuse(key, value, "a number of at least 0 is needed");
    }
    return number;
  }

  std::array<bool, kLoraTargets.size()> targets() const {
    const json::value* const value = text::find_member(object, "target_modules");
    std::array<bool, kLoraTargets.size()> targets = {};
    if (value == nullptr || !value->is_array()) {
      return targets;
    }
    for (const json::value& name : value->get_array()) {
      const auto* const place =
          name.is_string() ? std::ranges::find(kLoraTargets, std::string_view(name.get_string()))
                           : kLoraTargets.end();
      if (place == kLoraTargets.end()) {
        return {};
      }
      targets[static_cast<std::size_t>(place - kLoraTargets.begin())] = true;
    }
    return targets;
  }
};

}  // namespace

PeftConfig parse_peft_config(std::string_view text, const std::string& source) {
  const json::value root = text::parse_json(text, source);
  const PeftReader reader{text::as_object(root, source), source};
  reader.check_text("peft_type", "LORA");
  reader.check_text("bias", "none");
  reader.check_initialisation();
  reader.check_rest();
  PeftConfig config;
  config.lora.rank = reader.rank();
  config.lora.alpha = reader.number("lora_alpha");
  config.lora.use_rslora = text::flag_or(reader.object, "use_rslora", false, source);
  config.lora.targets = reader.targets();
  config.base = text::find_text(reader.object, "base_model_name_or_path", source).value_or("");
  if (text::find_member(reader.object, "lora_dropout") != nullptr) {
    config.dropout = reader.number("lora_dropout");
  }
  return config;
}

std::string write_peft_config(const LoraConfig& lora, const std::string& base) {
  json::array targets;
  for (const std::string& name : target_names(lora)) {
    targets.emplace_back(name);
  }
  const bool is_integer = lora.alpha == std::floor(lora.alpha) && lora.alpha < 1e15;
  const json::object object{
      {"base_model_name_or_path", base},
      {"bias", "none"},
      {"inference_mode", true},
      {"lora_alpha",
       is_integer ? json::value(static_cast<std::int64_t>(lora.alpha)) : json::value(lora.alpha)},
      {"lora_dropout", 0},
      {"peft_type", "LORA"},
      {"r", lora.rank},
      {"target_modules", std::move(targets)},
      {"task_type", "CAUSAL_LM"},
      {"use_rslora", lora.use_rslora}};
  return json::serialize(object) + "\n";
}

}  // namespace cogent::model
