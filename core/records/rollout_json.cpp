#include "core/records/rollout_json.hpp"

#include <boost/json/array.hpp>

#include <optional>
#include <utility>

namespace cogent {
namespace {

template <typename Value>
json::array number_array(const std::vector<Value>& values) {
  json::array out;
  out.reserve(values.size());
  for (const Value value : values) {
    if constexpr (std::is_same_v<Value, float>) {
      out.push_back(nine_digits(value));
    } else {
      out.push_back(value);
    }
  }
  return out;
}

double number(const json::value& value, const std::string& what, const std::string& where) {
  check(value.is_number(), ErrorCode::kData, where, ": ", what,
        " holds something that is not a number");
  return value.to_number<double>();
}

std::uint32_t unsigned_member(const json::object& object, std::string_view key,
                              const std::string& where) {
  const std::int64_t value = require_int(object, key, where);
  check(value >= 0 && value <= UINT32_MAX, ErrorCode::kData, where, ": \"", key, "\" is ", value,
        ", a number from 0 to 4294967295 is needed");
  return static_cast<std::uint32_t>(value);
}

json::object completion_json(const Completion& completion) {
  json::object rewards;
  for (const auto& [name, value] : completion.rewards) {
    rewards[name] = value;
  }
  return {{"ids", number_array(completion.ids)},
          {"logprobs", number_array(completion.logprobs)},
          {"rewards", std::move(rewards)},
          {"reward", completion.reward},
          {"finish", finish_name(completion.finish)}};
}

Completion completion_from_json(const json::value& value, const std::string& where) {
  check(value.is_object(), ErrorCode::kData, where, ": a completion is not an object");
  const json::object& object = value.get_object();
  Completion completion;
  completion.ids = require_ids(object, "ids", where);
  if (object.contains("logprobs") && !object.at("logprobs").is_null()) {
    for (const json::value& logprob : require_array(object, "logprobs", where)) {
      completion.logprobs.push_back(static_cast<float>(number(logprob, "\"logprobs\"", where)));
    }
    check(completion.logprobs.empty() || completion.logprobs.size() == completion.ids.size(),
          ErrorCode::kData, where, ": a completion has ", completion.ids.size(), " ids but ",
          completion.logprobs.size(), " logprobs");
  }
  if (const json::value* rewards = object.if_contains("rewards");
      rewards != nullptr && rewards->is_object()) {
    for (const auto& reward : rewards->get_object()) {
      completion.rewards.emplace_back(reward.key(), number(reward.value(), "\"rewards\"", where));
    }
  }
  const json::value* reward = object.if_contains("reward");
  check(reward != nullptr, ErrorCode::kData, where, ": a completion has no \"reward\"");
  completion.reward = number(*reward, "\"reward\"", where);
  const std::string finish = find_string(object, "finish", where).value_or("stop");
  check(finish == "stop" || finish == "length", ErrorCode::kData, where, ": \"finish\" is \"",
        finish, "\", stop or length is needed");
  completion.finish = finish == "stop" ? Finish::kStop : Finish::kLength;
  return completion;
}

bool is_empty_step(const json::object& line, const std::string& where) {
  const json::value* empty = line.if_contains("empty");
  check(empty == nullptr || (empty->is_bool() && empty->get_bool()), ErrorCode::kData, where,
        ": \"empty\" must be true, on the one line of a step without groups");
  return empty != nullptr;
}

}  // namespace

json::object to_json(const RolloutGroup& group) {
  json::array completions;
  for (const Completion& completion : group.completions) {
    completions.push_back(completion_json(completion));
  }
  return {{"step", group.step},
          {"round", group.round},
          {"prompt_id", group.prompt_id},
          {"prompt_ids", number_array(group.prompt_ids)},
          {"policy_version", group.policy_version},
          {"completions", std::move(completions)}};
}

RolloutGroup rollout_group_from_json(const json::object& line, const std::string& where) {
  RolloutGroup group;
  group.step = unsigned_member(line, "step", where);
  group.round = line.contains("round") ? unsigned_member(line, "round", where) : 0;
  group.prompt_id = unsigned_member(line, "prompt_id", where);
  group.policy_version =
      line.contains("policy_version") ? unsigned_member(line, "policy_version", where) : 0;
  group.prompt_ids = require_ids(line, "prompt_ids", where);
  check(!group.prompt_ids.empty(), ErrorCode::kData, where, ": \"prompt_ids\" is empty");
  for (const json::value& completion : require_array(line, "completions", where)) {
    group.completions.push_back(completion_from_json(completion, where));
  }
  return group;
}

std::vector<json::object> step_lines(std::int64_t step, std::span<const RolloutGroup> groups) {
  if (groups.empty()) {
    return {{{"step", step}, {"empty", true}}};
  }
  std::vector<json::object> lines;
  for (const RolloutGroup& group : groups) {
    lines.push_back(to_json(group));
  }
  return lines;
}

std::vector<std::vector<RolloutGroup>> read_rollout_batches(const std::filesystem::path& path) {
  const std::filesystem::path file =
      std::filesystem::is_directory(path) ? path / "rollouts.jsonl" : path;
  std::vector<std::vector<RolloutGroup>> batches;
  std::optional<std::uint32_t> last;
  for (const JsonLine& line : read_json_lines(file)) {
    const std::string where = concat(file.string(), " line ", line.number);
    const std::uint32_t step = unsigned_member(line.object, "step", where);
    if (step != last) {
      batches.emplace_back();
    }
    if (is_empty_step(line.object, where)) {
      check(step != last, ErrorCode::kData, where, ": step ", step,
            " is \"empty\", and the line before is of that step too");
    } else {
      check(step != last || !batches.back().empty(), ErrorCode::kData, where, ": step ", step,
            " has a group, and the line before says that it is \"empty\"");
      batches.back().push_back(rollout_group_from_json(line.object, where));
    }
    last = step;
  }
  return batches;
}

}  // namespace cogent
