#include "core/model/kernels/cpu/linear.hpp"
#include "core/model/panels.hpp"
#include "rollout/engine.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

// Speed of sampling beside what the matrix products alone would allow, in one run:
//   OMP_NUM_THREADS=2 COGENT_MODEL=PATH rollout_bench [PROMPTS] [GROUP] [PROMPT_TOKENS]
//   [NEW_TOKENS]
// Every completion has NEW_TOKENS tokens (no end token stops it). COGENT_WEIGHTS=bfloat16 rounds
// the weights.
//   ... rollout_bench --log-normal [COMPLETIONS] [PROMPT_TOKENS] [MEAN_TOKENS]
// Completions of log-normal length (sigma 1) beside as many of the mean length, 64 at a time, each
// with a prompt of its own. What ends a completion is a token that it draws, so the schedule knows
// no length.
namespace cogent {
namespace {

at::ScalarType weight_type() {
  const char* name = std::getenv("COGENT_WEIGHTS");
  return name != nullptr && std::string_view(name) == "bfloat16" ? at::kBFloat16 : at::kFloat;
}

// The model that COGENT_MODEL names, its weights in panels.
struct Loaded {
  Loaded() : Loaded(*model::open_weights(std::getenv("COGENT_MODEL"))) {}
  explicit Loaded(const model::WeightSource& source)
      : model(source.config(), model::cpu_ops()),
        weights(model::load_weights(source, weight_type())) {}

  model::Transformer model;
  model::ModelWeights weights;
  model::PanelScope panels{model, weights};
};

double seconds_of(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<RolloutRequest> requests(std::int64_t prompts, std::int64_t group, std::int64_t length,
                                     std::int64_t new_tokens) {
  std::vector<RolloutRequest> list;
  for (std::int64_t i = 0; i < prompts; ++i) {
    RolloutRequest request;
    request.seed = 1;
    request.prompt_id = static_cast<std::uint32_t>(i);
    request.group_size = static_cast<std::uint32_t>(group);
    for (std::int64_t t = 0; t < length; ++t) {
      request.prompt_ids.push_back(static_cast<std::int32_t>((i * 31 + t * 7919 + 11) % 40000));
    }
    request.sampling.temperature = 0.9F;
    request.sampling.max_new_tokens = static_cast<std::int32_t>(new_tokens);
    list.push_back(request);
  }
  return list;
}

// Seconds of the matrix products of one forward of `rows` rows over all layers, the head at
// `head_rows` of them, weights in panels: a row costs no more than this.
double gemm_seconds(const model::ModelConfig& config, const model::ModelWeights& weights,
                    std::int64_t rows, std::int64_t head_rows) {
  const std::int64_t attention = config.num_heads * config.head_dim;
  const std::int64_t deepest = std::max({config.hidden_size, config.intermediate_size, attention});
  const std::int64_t widest = std::max(deepest, config.vocab_size);
  const at::Tensor in = at::full({rows * deepest}, 0.01, at::kFloat);
  const at::Tensor out = at::full({rows * widest}, 0.0, at::kFloat);
  const auto multiply = [&](const at::Tensor& matrix, std::int64_t m) {
    const std::int64_t n = model::cpu::row_count(matrix);
    const std::int64_t k = model::cpu::column_count(matrix);
    at::Tensor result = out.narrow(0, 0, m * n).view({m, n});
    model::cpu::multiply(in.narrow(0, 0, m * k).view({m, k}), matrix, {}, result);
  };
  std::vector<double> times;
  for (int repeat = 0; repeat < 3; ++repeat) {
    times.push_back(seconds_of([&] {
      for (std::size_t unit = 1; unit + 1 < weights.units.size(); ++unit) {
        for (const at::Tensor& parameter : weights.units[unit]) {
          if (parameter.dim() == 3) {
            multiply(parameter, rows);
          }
        }
      }
      if (head_rows > 0) {
        multiply(weights.head_matrix(config), head_rows);
      }
    }));
  }
  return median(times);
}

std::int64_t peak_megabytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) {
      return std::strtoll(line.c_str() + 6, nullptr, 10) / 1024;
    }
  }
  return 0;
}

// The same work cut to these lengths: the token that each completion drew at its end stops it, at
// the first place where it stands.
std::vector<RolloutRequest> cut(std::vector<RolloutRequest> work,
                                const std::vector<RolloutGroup>& drawn,
                                const std::vector<std::int64_t>& lengths) {
  for (std::size_t i = 0; i < work.size(); ++i) {
    const std::vector<std::int32_t>& ids = drawn[i].completions.front().ids;
    auto last = ids.begin() + lengths[i] - 1;
    while (std::find(ids.begin(), last, *last) != last && last + 1 != ids.end()) {
      ++last;
    }
    work[i].sampling.stop_ids = {*last};
  }
  return work;
}

// Seconds a token of this work.
double seconds_a_token(rollout::Engine& engine, const std::vector<RolloutRequest>& work) {
  std::int64_t tokens = 0;
  const double seconds = seconds_of([&] {
    for (const RolloutGroup& group : engine.generate(work)) {
      tokens += static_cast<std::int64_t>(group.completions.front().ids.size());
    }
  });
  std::printf("%8lld tokens in %6.1f s, %6.1f tokens/s\n", static_cast<long long>(tokens), seconds,
              static_cast<double>(tokens) / seconds);
  return seconds / static_cast<double>(tokens);
}

int run_log_normal(std::int64_t completions, std::int64_t length, std::int64_t mean) {
  Loaded loaded;
  rollout::Engine engine(loaded.model, loaded.weights, {.max_sequences = 64, .draft_rows = 0});
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> distribution(std::log(static_cast<double>(mean)) - 0.5, 1);
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(completions));
  for (std::int64_t& value : lengths) {
    value = std::clamp<std::int64_t>(std::llround(distribution(random)), 1, 6 * mean);
  }
  const std::int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  const std::vector<RolloutRequest> work = requests(completions, 1, length, longest);
  const std::vector<RolloutGroup> drawn = engine.generate(work);
  const std::vector<std::int64_t> equal(lengths.size(), mean);
  std::puts("equal lengths:");
  const double uniform = seconds_a_token(engine, cut(work, drawn, equal));
  std::puts("log-normal lengths:");
  const double mixed = seconds_a_token(engine, cut(work, drawn, lengths));
  std::printf("useful tokens/s of equal lengths that log-normal ones reach: %.1f %%\n",
              100 * uniform / mixed);
  return 0;
}

int run(std::int64_t prompts, std::int64_t group, std::int64_t length, std::int64_t new_tokens) {
  Loaded loaded;
  auto& [model, weights, panels] = loaded;
  const std::int64_t sequences = prompts * group;
  if (weights.head_matrix(model.config()).dim() != 3) {
    std::fputs("rollout_bench: the head is not in panels on this machine\n", stderr);
    return 2;
  }
  // Without drafts: a token is a row.
  rollout::Engine engine(model, weights, {.max_sequences = sequences, .draft_rows = 0});
  std::printf("%lld prompts x %lld completions, %lld + %lld tokens, %d threads\n",
              static_cast<long long>(prompts), static_cast<long long>(group),
              static_cast<long long>(length), static_cast<long long>(new_tokens),
              at::get_num_threads());
  // The products take turns with what is compared to them: the machine's speed changes meanwhile.
  std::vector<double> prefill, whole, prefill_products, step_products;
  for (int repeat = 0; repeat < 3; ++repeat) {
    prefill_products.push_back(gemm_seconds(model.config(), weights, prompts * length, prompts));
    prefill.push_back(seconds_of([&] { engine.generate(requests(prompts, 1, length, 1)); }));
    whole.push_back(
        seconds_of([&] { engine.generate(requests(prompts, group, length, new_tokens)); }));
    step_products.push_back(gemm_seconds(model.config(), weights, sequences, sequences));
  }
  const double prefill_limit = median(prefill_products);
  const double step_limit = median(step_products);
  const double decode = median(whole) - median(prefill);
  const auto tokens = static_cast<double>(sequences * new_tokens);
  const double decode_limit = step_limit * static_cast<double>(new_tokens - 1);
  std::printf("prefill  %8.1f tokens/s, %5.1f %% of what the matrix products allow\n",
              static_cast<double>(prompts * length) / median(prefill),
              100 * prefill_limit / median(prefill));
  std::printf("decode   %8.1f tokens/s, %5.1f %% of what the matrix products allow (%.1f)\n",
              static_cast<double>(sequences * (new_tokens - 1)) / decode,
              100 * decode_limit / decode, static_cast<double>(sequences) / step_limit);
  std::printf("whole    %8.1f new tokens/s\n", tokens / median(whole));
  std::printf("peak memory %lld MB\n", static_cast<long long>(peak_megabytes()));
  return 0;
}

}  // namespace
}  // namespace cogent

int main(int count, char** arguments) {
  if (std::getenv("COGENT_MODEL") == nullptr) {
    std::fputs("rollout_bench: COGENT_MODEL names no model\n", stderr);
    return 2;
  }
  const bool log_normal = count > 1 && std::string(arguments[1]) == "--log-normal";
  const auto number = [&](int index, std::int64_t otherwise) {
    return index < count ? std::strtoll(arguments[index], nullptr, 10) : otherwise;
  };
  if (log_normal) {
    return cogent::run_log_normal(number(2, 192), number(3, 32), number(4, 48));
  }
  return cogent::run(number(1, 8), number(2, 8), number(3, 170), number(4, 192));
}
