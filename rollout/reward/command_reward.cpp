#include "rollout/reward/command_reward.hpp"

#include "core/base/error.hpp"
#include "core/base/json_lines.hpp"
#include "core/base/log.hpp"

#include <cmath>
#include <optional>

namespace cogent::rollout {
namespace {

constexpr const char* kName = "command";

std::string request_line(std::int64_t id, const Example& example, const Completion& completion,
                         const std::string& text) {
  json::array schema(example.schema.begin(), example.schema.end());
  json::array entities;
  for (const Mention& mention : example.entities) {
    entities.push_back(json::object{{"text", mention.text}, {"label", mention.label}});
  }
  return to_json_line(json::object{{"id", id},
                                   {"row", example.row},
                                   {"dataset", example.dataset},
                                   {"sentence", example.sentence},
                                   {"schema", std::move(schema)},
                                   {"entities", std::move(entities)},
                                   {"completion", text},
                                   {"tokens", completion.ids.size()},
                                   {"finish", finish_name(completion.finish)}});
}

// The value of an answer, or nothing where it has none: then the log says why.
std::optional<double> value_of(const std::string& answer, std::int64_t id, std::uint32_t row) {
  try {
    const json::object object = parse_json_object(answer, "its answer");
    if (object.contains("id")) {
      const std::int64_t answered = require_int(object, "id", "its answer");
      check(answered == id, ErrorCode::kData, "it answers id ", answered, " where id ", id,
            " is due");
    }
    if (const auto error = find_string(object, "error", "its answer")) {
      fail(ErrorCode::kData, *error);
    }
    const json::value* value = object.if_contains("reward");
    check(value != nullptr && value->is_number(), ErrorCode::kData, "its answer ",
          answer.substr(0, 80), " has no number as \"reward\"");
    const double number = value->to_number<double>();
    check(std::isfinite(number), ErrorCode::kData, "its value is ", number);
    return number;
  } catch (const Error& error) {
    log_warning("reward command failed on row ", row, ": ", error.what());
    return std::nullopt;
  }
}

}  // namespace

std::int64_t CommandReward::score(std::span<const Example> examples, std::span<RolloutGroup> groups,
                                  const std::function<std::string(const Completion&)>& text_of) {
  const std::int64_t first_id = next_id_;
  std::vector<std::string> lines;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const Completion& completion : groups[g].completions) {
      lines.push_back(request_line(next_id_++, examples[g], completion, text_of(completion)));
    }
  }
  std::vector<std::string> answers;
  std::string failure;
  try {
    process_.restart();
    answers = process_.ask(lines, deadline_);
    failure = process_.failure();
  } catch (const Error& error) {
    failure = error.what();
  }
  if (answers.size() < lines.size()) {
    log_warning("reward.command: ", failure, ": ", lines.size() - answers.size(), " of ",
                lines.size(), " completions are left out");
  }
  std::size_t next = 0;
  std::int64_t left_out = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    left_out += std::erase_if(groups[g].completions, [&](Completion& completion) {
      const std::size_t index = next++;
      const std::optional<double> value =
          index < answers.size()
              ? value_of(answers[index], first_id + static_cast<std::int64_t>(index),
                         examples[g].row)
              : std::nullopt;
      if (value) {
        completion.rewards.emplace_back(kName, *value);
        completion.reward += weight_ * *value;
      }
      return !value;
    });
  }
  return left_out;
}

}  // namespace cogent::rollout
