#include "core/records/records.hpp"

#include "core/base/bytes.hpp"

namespace cogent {
namespace {

constexpr std::uint32_t kWireMagic = 0x50524743;  // "CGRP"
constexpr std::uint32_t kWireVersion = 1;

void encode_completion(ByteWriter& out, const Completion& completion) {
  out.write_array<std::int32_t>(completion.ids);
  out.write_array<float>(completion.logprobs);
  out.write<std::uint64_t>(completion.rewards.size());
  for (const auto& [name, value] : completion.rewards) {
    out.write_string(name);
    out.write(value);
  }
  out.write(completion.reward);
  out.write(completion.finish);
  out.write_string(completion.parse);
}

Completion decode_completion(ByteReader& in) {
  Completion completion;
  completion.ids = in.read_array<std::int32_t>();
  completion.logprobs = in.read_array<float>();
  const auto rewards = in.read<std::uint64_t>();
  for (std::uint64_t i = 0; i < rewards; ++i) {
    std::string name = in.read_string();
    const auto value = in.read<double>();
    completion.rewards.emplace_back(std::move(name), value);
  }
  completion.reward = in.read<double>();
  const auto finish = in.read<std::uint8_t>();
  check(finish <= 1, ErrorCode::kCommunication, "a rollout record has finish reason ", int{finish},
        ", 0 and 1 are known");
  completion.finish = static_cast<Finish>(finish);
  completion.parse = in.read_string();
  return completion;
}

}  // namespace

const char* finish_name(Finish finish) {
  return finish == Finish::kStop ? "stop" : "length";
}

std::vector<std::byte> encode_groups(std::span<const RolloutGroup> groups) {
  ByteWriter out;
  out.write(kWireMagic);
  out.write(kWireVersion);
  out.write<std::uint64_t>(groups.size());
  for (const RolloutGroup& group : groups) {
    out.write(group.step);
    out.write(group.round);
    out.write(group.prompt_id);
    out.write(group.policy_version);
    out.write_array<std::int32_t>(group.prompt_ids);
    out.write<std::uint64_t>(group.completions.size());
    for (const Completion& completion : group.completions) {
      encode_completion(out, completion);
    }
  }
  return out.take();
}

std::vector<RolloutGroup> decode_groups(std::span<const std::byte> bytes) {
  ByteReader in(bytes, "a rollout message", ErrorCode::kCommunication);
  const auto magic = in.read<std::uint32_t>();
  const auto version = in.read<std::uint32_t>();
  check(magic == kWireMagic && version == kWireVersion, ErrorCode::kCommunication,
        "a rollout message has magic ", magic, " and version ", version, ", ", kWireMagic, " and ",
        kWireVersion, " are expected: do all ranks run the same build?");
  const auto count = in.read<std::uint64_t>();
  std::vector<RolloutGroup> groups;
  for (std::uint64_t i = 0; i < count; ++i) {
    RolloutGroup group;
    group.step = in.read<std::uint32_t>();
    group.round = in.read<std::uint32_t>();
    group.prompt_id = in.read<std::uint32_t>();
    group.policy_version = in.read<std::uint32_t>();
    group.prompt_ids = in.read_array<std::int32_t>();
    const auto completions = in.read<std::uint64_t>();
    for (std::uint64_t c = 0; c < completions; ++c) {
      group.completions.push_back(decode_completion(in));
    }
    groups.push_back(std::move(group));
  }
  in.expect_end();
  return groups;
}

}  // namespace cogent
