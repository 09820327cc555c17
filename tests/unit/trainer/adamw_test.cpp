#include "trainer/adamw.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace cogent::trainer {
namespace {

// The textbook update in float64, several steps.
TEST(AdamW, FollowsTheTextbook) {
  OptimizerSettings settings;
  settings.betas = {0.9, 0.95};
  settings.eps = 1e-6;
  settings.weight_decay = 0.1;
  const double lr = 0.01;
  std::vector<float> w = {1.0f, -2.0f, 0.5f, 3.0f, 0.0f}, m(5, 0), v(5, 0);
  std::vector<double> w64(w.begin(), w.end()), m64(5, 0), v64(5, 0);
  for (int t = 1; t <= 6; ++t) {
    std::vector<float> g(5);
    for (std::size_t i = 0; i < 5; ++i) {
      g[i] = static_cast<float>(std::sin(static_cast<double>(i) + t));
    }
    const double scale = 0.7;
    adamw_update(adamw_step(settings, lr, scale, t), w, g, m, v);
    for (std::size_t i = 0; i < 5; ++i) {
      const double gradient = static_cast<double>(g[i]) * scale;
      m64[i] = 0.9 * m64[i] + 0.1 * gradient;
      v64[i] = 0.95 * v64[i] + 0.05 * gradient * gradient;
      const double mhat = m64[i] / (1 - std::pow(0.9, t));
      const double vhat = v64[i] / (1 - std::pow(0.95, t));
      w64[i] -= lr * 0.1 * w64[i];
      w64[i] -= lr * mhat / (std::sqrt(vhat) + 1e-6);
    }
  }
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(w[i], w64[i], 1e-6) << i;
  }
}

}  // namespace
}  // namespace cogent::trainer
