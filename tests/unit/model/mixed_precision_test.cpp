// bfloat16 activations and weights by the reference ops: every op rounds once what it computes in
// float32, gradients of weights and the softmax of the head stay float32, and a whole model is as
// near to float64 as that many roundings let it be.
#include "core/model/kernels/reference/reference.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace cogent::model {
namespace {

using namespace testing;

constexpr double kRounding = 1.0 / 256;  // to bfloat16, at most, relative to the value
constexpr double kFloatSums = 2e-5;      // of float32 sums, relative to the largest of a tensor

struct Result {
  std::string name;
  at::Tensor value;
};

// Inputs are the same values in every type: bfloat16 numbers.
at::Tensor input(std::vector<std::int64_t> shape, std::uint64_t seed, at::ScalarType type) {
  return random_tensor(std::move(shape), seed, at::kBFloat16).to(type);
}

// Results of an op in this type of activations, what is added to in the wide type.
class OpRun {
 public:
  explicit OpRun(at::ScalarType type)
      : ops_(reference_ops()), type_(type), wide_(type == at::kDouble ? at::kDouble : at::kFloat) {}

  std::vector<Result> all() {
    products();
    rows();
    attention();
    head();
    return std::move(results_);
  }

 private:
  at::Tensor sums(std::vector<std::int64_t> shape) const {
    return at::zeros(shape, at::TensorOptions().dtype(wide_));
  }
  at::Tensor in(std::vector<std::int64_t> shape, std::uint64_t seed) const {
    return input(std::move(shape), seed, type_);
  }
  void keep(std::string name, const at::Tensor& value) {
    results_.push_back({std::move(name), value});
  }

  void products() {
    const at::Tensor x = in({9, 48}, 1);
    const at::Tensor dout = in({9, 32}, 2);
    const at::Tensor weight = in({32, 48}, 3);
    const at::Tensor bias = in({32}, 4);
    at::Tensor dweight = sums({32, 48});
    at::Tensor dbias = sums({32});
    keep("linear", ops_.linear(x, weight, {}));
    keep("linear with bias", ops_.linear(x, weight, bias));
    keep("dx of linear", ops_.linear_backward(dout, x, weight, dweight, dbias));
    keep("dweight", dweight);
    keep("dbias", dbias);
    const at::Tensor ids = at::arange(9, at::TensorOptions().dtype(at::kLong)).remainder(4);
    at::Tensor dtable = sums({4, 32});
    keep("embedding", ops_.embedding(weight, ids));
    ops_.embedding_backward(dout, ids, dtable);
    keep("dtable", dtable);
  }

  void rows() {
    const at::Tensor x = in({9, 48}, 5);
    const at::Tensor dout = in({9, 48}, 6);
    at::Tensor dnorm = sums({48});
    keep("rmsnorm", ops_.rmsnorm(x, in({48}, 7), 1e-5));
    keep("dx of rmsnorm", ops_.rmsnorm_backward(dout, x, in({48}, 7), 1e-5, dnorm));
    keep("dnorm", dnorm);
    at::Tensor dgate = at::zeros({9, 48}, x.options());
    at::Tensor dup = at::zeros({9, 48}, x.options());
    keep("swiglu", ops_.swiglu(x, in({9, 48}, 8)));
    ops_.swiglu_backward(dout, x, in({9, 48}, 8), dgate, dup);
    keep("dgate", dgate);
    keep("dup", dup);
    // Angles of float32 numbers, as a row plan has them.
    const at::Tensor angles = random_tensor({9, 8}, 9, at::kFloat);
    const at::Tensor cos = angles.cos().to(wide_);
    const at::Tensor sin = angles.sin().to(wide_);
    keep("rope", ops_.rope(in({9, 3, 16}, 10), cos, sin));
    keep("dx of rope", ops_.rope_backward(in({9, 3, 16}, 11), cos, sin));
  }

  // A prompt of 4 rows under two completions: its keys are added to three times.
  void attention() {
    const std::vector<AttentionSegment> segments = {
        {0, 4, {{0, 4}}}, {4, 9, {{0, 4}, {4, 9}}}, {9, 11, {{0, 4}, {9, 11}}}};
    const at::Tensor q = in({11, 6, 16}, 12);
    const at::Tensor k = in({11, 2, 16}, 13);
    const at::Tensor v = in({11, 2, 16}, 14);
    at::Tensor dk = sums({11, 2, 16});
    at::Tensor dv = sums({11, 2, 16});
    const AttentionOutput forward = ops_.span_attention(q, k, v, segments);
    keep("attention", forward.out);
    keep("lse of attention", forward.lse);
    // Any values: the forward's own may be rounded to either side of what float64 gives.
    const AttentionOutput given{in({11, 6, 16}, 20), forward.lse};
    keep("dq", ops_.span_attention_backward(in({11, 6, 16}, 15), q, k, v, given, segments, dk, dv));
    keep("dk", dk);
    keep("dv", dv);
  }

  void head() {
    const at::Tensor hidden = in({150, 48}, 16);
    const at::Tensor matrix = in({97, 48}, 17) * 0.25;
    const at::Tensor targets = at::arange(150, at::TensorOptions().dtype(at::kLong)).remainder(97);
    const at::Tensor dlogprob = input({150}, 18, wide_);
    const at::Tensor dentropy = input({150}, 19, wide_);
    at::Tensor dhead = sums({97, 48});
    const TokenLogprobs forward = ops_.token_logprob(hidden, matrix, targets, 0.75);
    keep("logprob", forward.logprob);
    keep("entropy", forward.entropy);
    keep("lse of the head", forward.lse);
    keep("dhidden", ops_.token_logprob_backward(dlogprob, dentropy, hidden, matrix, targets,
                                                forward, 0.75, dhead));
    keep("dhead", dhead);
  }

  const OpTable& ops_;
  at::ScalarType type_, wide_;
  std::vector<Result> results_;
};

// Within one rounding where the result is of bfloat16, and what float32 sums differ by.
void expect_rounded_once(const at::Tensor& got, const at::Tensor& expected,
                         const std::string& name) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << name;
  const double rounding = got.scalar_type() == at::kBFloat16 ? kRounding : 0;
  const at::Tensor magnitude = expected.abs();
  const at::Tensor allowed = magnitude * rounding + magnitude.max() * kFloatSums;
  const at::Tensor error = (got.to(at::kDouble) - expected).abs();
  EXPECT_TRUE((error <= allowed).all().item<bool>())
      << name << ": off by up to " << (error / allowed).max().item<double>()
      << " of what is allowed";
}

TEST(Bfloat16Ops, RoundOnceWhatTheyComputeInFloat32) {
  const std::vector<Result> got = OpRun(at::kBFloat16).all();
  const std::vector<Result> expected = OpRun(at::kDouble).all();
  ASSERT_EQ(got.size(), expected.size());
  std::size_t wide = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    wide += got[i].value.scalar_type() == at::kFloat ? 1 : 0;
    expect_rounded_once(got[i].value, expected[i].value, got[i].name);
  }
  // Gradients of weights, keys and values, statistics, and all of the head but dhidden.
  EXPECT_EQ(wide, 11U);
}

// What a CPU without the instruction computes by widening, and what ATen computes with it.
TEST(Bfloat16Ops, BothWaysToMultiplyRoundOnce) {
  for (const auto& [m, k, n] :
       std::vector<std::array<std::int64_t, 3>>{{1, 577, 33}, {7, 64, 96}, {130, 200, 17}}) {
    const at::Tensor a = input({m, k}, 1, at::kBFloat16);
    const at::Tensor b = input({n, k}, 2, at::kBFloat16).t();
    const at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble));
    expect_rounded_once(reference::product(a, b), expected, "product");
    expect_rounded_once(at::mm(a, b), expected, "product of ATen");
  }
}

TEST(Bfloat16Ops, LinearRoundsFloat32WeightsAsItReadsThem) {
  const at::Tensor x = input({9, 48}, 1, at::kBFloat16);
  const at::Tensor weight = random_tensor({32, 48}, 2, at::kFloat);
  const at::Tensor bias = random_tensor({32}, 3, at::kFloat);
  const OpTable& ops = reference_ops();
  EXPECT_TRUE(ops.linear(x, weight, bias)
                  .equal(ops.linear(x, weight.to(at::kBFloat16), bias.to(at::kBFloat16))));
}

TEST(Bfloat16Ops, AreTheOnesOfBfloat16Activations) {
  EXPECT_EQ(cpu_ops(at::kBFloat16).activations, at::kBFloat16);
  EXPECT_FALSE(cpu_ops(at::kBFloat16).reads_panels);
  EXPECT_EQ(cpu_ops().activations, at::kFloat);
  EXPECT_EQ(&cpu_ops(at::kFloat), &cpu_ops());
}

struct Family {
  std::string name;
  ModelConfig config;
};

double relative_error(const at::Tensor& got, const at::Tensor& expected) {
  return ((got.to(at::kDouble) - expected).norm() / expected.norm()).item<double>();
}

// Roundings on the way of a value through a forward, and then a backward: 11 ops a block, and the
// final norm. They are as good as independent, so that their relative errors add up as squares, and
// a rounding's is 0.4 of its largest on average. Gradients take twice as much: through attention
// they are differences of numbers of one size.
double allowed_error(const ModelConfig& config) {
  const auto roundings = static_cast<double>(2 * (11 * config.num_layers + 1));
  return 1.5 * kRounding * std::sqrt(roundings);
}

class MixedPrecision : public ::testing::TestWithParam<Family> {};

TEST_P(MixedPrecision, IsAsNearToFloat64AsItsRoundings) {
  const ModelConfig& config = GetParam().config;
  const Transformer model(config, cpu_ops(at::kBFloat16));
  const Transformer wide_model(config, reference_ops());
  for (const std::uint64_t seed : {7, 8, 9}) {
    const ModelWeights weights = random_weights(config, seed, at::kBFloat16);
    ModelWeights wide = allocate_weights(unit_specs(config), at::kDouble);
    for (std::size_t u = 0; u < wide.flat.size(); ++u) {
      wide.flat[u].copy_(weights.flat[u]);
    }
    Packed packed;
    pack(packed, random_ids(70, config.vocab_size, seed));
    pack(packed, random_ids(25, config.vocab_size, seed + 10), 0);
    std::vector<std::int64_t> rows;
    for (std::int64_t row = 40; row < 95; ++row) {
      rows.push_back(row);
    }
    const auto targets = random_ids(55, config.vocab_size, seed + 20);
    const at::Tensor weight = random_tensor({55}, seed + 30, at::kFloat);
    const RowPlan plan = model.plan(packed.ids, packed.positions, packed.segments);
    EXPECT_EQ(plan.type, at::kBFloat16);
    EXPECT_EQ(plan.cos.scalar_type(), at::kFloat);
    EXPECT_EQ(forward(model, weights, plan).scalar_type(), at::kBFloat16);
    const LossAndGradient got = loss_and_gradient(model, weights, plan, rows, targets, weight, 0.8);
    const LossAndGradient expected = loss_and_gradient(
        wide_model, wide,
        wide_model.plan(packed.ids, packed.positions, packed.segments, {}, at::kDouble), rows,
        targets, weight.to(at::kDouble), 0.8);
    EXPECT_EQ(got.logprob.scalar_type(), at::kFloat);
    EXPECT_LT(relative_error(got.logprob, expected.logprob), allowed_error(config));
    EXPECT_GT(relative_error(got.logprob, expected.logprob), kRounding / 64)
        << "nothing is rounded";
    for (std::size_t u = 0; u < model.units().size(); ++u) {
      for (std::size_t p = 0; p < model.units()[u].parameters.size(); ++p) {
        EXPECT_EQ(got.gradient.units[u][p].scalar_type(), at::kFloat);
        EXPECT_LT(relative_error(got.gradient.units[u][p], expected.gradient.units[u][p]),
                  2 * allowed_error(config))
            << model.units()[u].parameters[p].name << ", seed " << seed;
      }
    }
  }
}

// Keys and values in bfloat16 are those of the batch, so that decoding differs by the products'
// roundings alone.
TEST_P(MixedPrecision, DecodingThroughTheCacheIsNearTheFullForward) {
  const ModelConfig& config = GetParam().config;
  const Transformer model(config, cpu_ops(at::kBFloat16));
  const ModelWeights weights = random_weights(config, 7, at::kBFloat16);
  const std::vector<std::int32_t> ids = random_ids(19, config.vocab_size, 3);
  Packed packed;
  pack(packed, ids);
  const at::Tensor full =
      forward(model, weights, model.plan(packed.ids, packed.positions, packed.segments));
  EXPECT_EQ(model.compute_type(weights), at::kBFloat16);
  KvCache cache = make_kv_cache(config, 19, model.compute_type(weights));
  at::Tensor x;
  for (std::int32_t row = 0; row < 19; ++row) {
    const std::int64_t at = row;
    x = forward(model, weights,
                model.plan(std::span(ids).subspan(static_cast<std::size_t>(row), 1),
                           std::vector<std::int32_t>{row}, {{0, 1, {{0, at + 1}}}},
                           std::vector<std::int64_t>{at}),
                &cache);
  }
  EXPECT_LT(relative_error(x[0], full[18].to(at::kDouble)), allowed_error(config));
  const std::vector<std::int64_t> last = {0};
  EXPECT_EQ(model.logits(weights.units.back(), weights.head_matrix(config), x, last).scalar_type(),
            at::kFloat);
}

INSTANTIATE_TEST_SUITE_P(Families, MixedPrecision,
                         ::testing::Values(Family{"LlamaRatio3", llama_like({3, 1, 32})},
                                           Family{"LlamaRatio1", llama_like({2, 2, 64})},
                                           Family{"Qwen2Ratio8", qwen2_like({8, 1, 32})},
                                           Family{"Qwen3Ratio2", qwen3_like({4, 2, 128})},
                                           Family{"LlamaBiases",
                                                  llama_with_all_biases({6, 2, 32})}),
                         [](const auto& family) { return family.param.name; });

}  // namespace
}  // namespace cogent::model
