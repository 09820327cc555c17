#include "tests/unit/model/scalar_kernels.hpp"

#include "core/model/kernels/cpu/logarithm.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace cogent::model::testing::scalar {
namespace {

using cpu::logarithm;

constexpr std::size_t kLanes = 8;
constexpr std::size_t kKeyBlock = 64;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

using Lanes = std::array<float, kLanes>;

float fold(const Lanes& x) {
  return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

// In 16 lanes, the last of them filled up with zeros; the upper eight are added to the lower.
float norm_dot(const float* a, const float* b, std::size_t n) {
  std::array<float, 2 * kLanes> sums{};
  for (std::size_t begin = 0; begin <= n; begin += sums.size()) {
    for (std::size_t lane = 0; lane < sums.size(); ++lane) {
      const std::size_t i = begin + lane;
      sums[lane] = i < n ? std::fma(a[i], b[i], sums[lane]) : std::fma(0.0F, 0.0F, sums[lane]);
    }
  }
  Lanes half{};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    half[lane] = sums[lane] + sums[lane + kLanes];
  }
  return fold(half);
}

// In 8 lanes; the first products are not fused. A lane that ends early is one that zeros fill up.
float key_dot(const Values& a, const Values& b) {
  Lanes sums{};
  const std::size_t first = std::min(kLanes, a.size());
  for (std::size_t lane = 0; lane < first; ++lane) {
    sums[lane] = a[lane] * b[lane];
  }
  for (std::size_t i = kLanes; i < a.size(); ++i) {
    sums[i % kLanes] = std::fma(a[i], b[i], sums[i % kLanes]);
  }
  return fold(sums);
}

float sigmoid(float x) {
  return 1 / (1 + exponential(0 - x));
}

float inverse_rms(const float* x, std::size_t n, float eps) {
  return 1 / std::sqrt(norm_dot(x, x, n) / static_cast<float>(n) + eps);
}

}  // namespace

float exponential(float x) {
  constexpr float kLowest = -87.3F;
  if (x < kLowest) {
    return 0;
  }
  const float clamped = std::min(88.3F, x);
  const float n = std::nearbyint(clamped * 1.44269504F);
  float r = std::fma(n, -0.693359375F, clamped);
  r = std::fma(n, 2.12194440e-4F, r);
  float p = 1.0F / 5040;
  for (const float coefficient : {1.0F / 720, 1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F}) {
    p = std::fma(p, r, coefficient);
  }
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

Values rmsnorm(const Values& x, const Values& weight, float eps) {
  const std::size_t n = weight.size();
  Values y(x.size());
  for (std::size_t row = 0; row < x.size(); row += n) {
    const float r = inverse_rms(&x[row], n, eps);
    for (std::size_t i = 0; i < n; ++i) {
      y[row + i] = x[row + i] * r * weight[i];
    }
  }
  return y;
}

NormGradient rmsnorm_gradient(const Values& dy, const Values& x, const Values& weight, float eps,
                              Values dweight) {
  const std::size_t n = weight.size();
  Values dx(x.size());
  Values total(n, 0);
  for (std::size_t row = 0; row < x.size(); row += n) {
    const float r = inverse_rms(&x[row], n, eps);
    for (std::size_t i = 0; i < n; ++i) {
      dx[row + i] = dy[row + i] * weight[i];
      total[i] += dy[row + i] * x[row + i] * r;
    }
    const float mean = norm_dot(&dx[row], &x[row], n) * r / static_cast<float>(n);
    for (std::size_t i = 0; i < n; ++i) {
      dx[row + i] = r * (dx[row + i] - x[row + i] * r * mean);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    dweight[i] += total[i];
  }
  return {dx, dweight};
}

Values rope(const Values& x, const Values& cos, const Values& sin, float direction,
            std::int64_t rows, std::int64_t heads) {
  const auto half = cos.size() / static_cast<std::size_t>(rows);
  Values y(x.size());
  for (std::size_t head = 0; head < static_cast<std::size_t>(rows * heads); ++head) {
    const std::size_t angles = head / static_cast<std::size_t>(heads) * half;
    for (std::size_t i = 0; i < half; ++i) {
      const float a = x[head * 2 * half + i];
      const float b = x[head * 2 * half + half + i];
      const float sine = direction * sin[angles + i];
      y[head * 2 * half + i] = a * cos[angles + i] - b * sine;
      y[head * 2 * half + half + i] = b * cos[angles + i] + a * sine;
    }
  }
  return y;
}

Values swiglu(const Values& gate, const Values& up) {
  Values y(gate.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = gate[i] * sigmoid(gate[i]) * up[i];
  }
  return y;
}

SwigluGradient swiglu_gradient(const Values& dy, const Values& gate, const Values& up,
                               SwigluGradient added_to) {
  for (std::size_t i = 0; i < dy.size(); ++i) {
    const float s = sigmoid(gate[i]);
    const float dy_s = dy[i] * s;
    const float slope = std::fma(gate[i], 1 - s, 1.0F);
    added_to.dgate[i] += dy_s * up[i] * slope;
    added_to.dup[i] += dy_s * gate[i];
  }
  return added_to;
}

// A last vector that is not full is filled up with minus infinity.
Statistics softmax_statistics(const Values& logits, std::int64_t target, float scale) {
  const float highest = *std::max_element(logits.begin(), logits.end()) * scale;
  Lanes total{};
  Lanes weighted{};
  const std::size_t whole = logits.size() - logits.size() % kLanes;
  const std::size_t padded = whole == logits.size() ? whole : whole + kLanes;
  for (std::size_t i = 0; i < padded; ++i) {
    const float z = std::fma(i < logits.size() ? logits[i] : kMinusInfinity, scale, -highest);
    const float e = exponential(z);
    total[i % kLanes] += e;
    weighted[i % kLanes] = std::fma(i < whole ? z : std::max(z, -200.0F), e, weighted[i % kLanes]);
  }
  const float normaliser = fold(total);
  const float log_normaliser = logarithm(normaliser);
  const float lse = highest + log_normaliser;
  return {logits[static_cast<std::size_t>(target)] * scale - lse,
          log_normaliser - fold(weighted) / normaliser, lse};
}

Values softmax_gradient(Values logits, std::int64_t target, float lse, float dlogprob,
                        float scale) {
  const float factor = dlogprob * scale;
  for (float& x : logits) {
    x = -factor * exponential(std::fma(x, scale, -lse));
  }
  logits[static_cast<std::size_t>(target)] += factor;
  return logits;
}

Attention attention(const Values& q, const std::vector<Values>& keys,
                    const std::vector<Values>& values) {
  const float scale = 1 / std::sqrt(static_cast<float>(q.size()));
  float highest = kMinusInfinity;
  float total = 0;
  Values out(q.size(), 0);
  for (std::size_t begin = 0; begin < keys.size(); begin += kKeyBlock) {
    const std::size_t end = std::min(begin + kKeyBlock, keys.size());
    Values weights;
    for (std::size_t j = begin; j < end; ++j) {
      weights.push_back(key_dot(q, keys[j]) * scale);
    }
    const float before = highest;
    highest = std::max(highest, *std::max_element(weights.begin(), weights.end()));
    Lanes sums{};
    for (std::size_t j = 0; j < weights.size(); ++j) {
      weights[j] = exponential(weights[j] - highest);
      sums[j % kLanes] += weights[j];
    }
    const float shrink = exponential(before - highest);
    total = total * shrink + fold(sums);
    for (std::size_t c = 0; c < out.size(); ++c) {
      out[c] *= shrink;
      for (std::size_t j = begin; j < end; ++j) {
        out[c] = std::fma(weights[j - begin], values[j][c], out[c]);
      }
    }
  }
  for (float& x : out) {
    x /= total;
  }
  return {out, highest + logarithm(total)};
}

AttentionGradient attention_gradient(const std::vector<Values>& dout, const std::vector<Values>& q,
                                     const std::vector<Attention>& forward,
                                     const std::vector<std::int64_t>& visible,
                                     const std::vector<Values>& keys,
                                     const std::vector<Values>& values) {
  const std::size_t head_dim = q.front().size();
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  AttentionGradient result;
  result.dq.assign(q.size(), Values(head_dim, 0));
  result.dkeys.assign(keys.size(), Values(head_dim, 0));
  result.dvalues.assign(keys.size(), Values(head_dim, 0));
  for (std::size_t i = 0; i < q.size(); ++i) {
    Lanes products{};
    for (std::size_t c = 0; c < head_dim; ++c) {
      products[c % kLanes] = std::fma(dout[i][c], forward[i].out[c], products[c % kLanes]);
    }
    const float delta = fold(products);
    for (std::size_t j = 0; j < static_cast<std::size_t>(visible[i]); ++j) {
      const float p = exponential(std::fma(key_dot(q[i], keys[j]), scale, -forward[i].lse));
      const float ds = p * (key_dot(dout[i], values[j]) - delta) * scale;
      for (std::size_t c = 0; c < head_dim; ++c) {
        result.dq[i][c] = std::fma(ds, keys[j][c], result.dq[i][c]);
        result.dkeys[j][c] = std::fma(ds, q[i][c], result.dkeys[j][c]);
        result.dvalues[j][c] = std::fma(p, dout[i][c], result.dvalues[j][c]);
      }
    }
  }
  return result;
}

}  // namespace cogent::model::testing::scalar
