#include "core/model/kernels/cpu/gemm.hpp"
#include "core/model/kernels/cpu/linear.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// The forward products of a model's linear layers, y [m, n] = x [m, k] W^T, by the own kernel with
// weights in float32 and in bfloat16, and by the libraries in float32, in one run:
//   OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 gemm_bench [M ...]
// Weights come from the memory, as in a forward over many layers: copies of a matrix take turns.
// The libraries get the weights in the order that suits them where they can be prepared ahead.
// OpenBLAS takes part where libopenblas.so.0 is installed.
namespace cogent::model {
namespace {

constexpr std::int64_t kBytesOfCopies = 96 << 20;
constexpr int kRounds = 5;

struct Product {
  std::int64_t m, n, k;
};

// What multiplies: called with the number of the copy whose turn it is.
struct Library {
  std::string name;
  std::function<void(std::size_t)> run;
};

using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                       const float* a, int lda, const float* b, int ldb, float beta, float* c,
                       int ldc);

// In a name space of its own: libtorch brings functions of the same names.
Sgemm openblas() {
  static const Sgemm sgemm = [] {
    void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    return library == nullptr ? nullptr : reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  }();
  return sgemm;
}

// oneDNN's own order of the weight, prepared for m rows.
at::Tensor onednn_weight(const at::Tensor& weight, std::int64_t m) {
  static const auto reorder =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
          .typed<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>();
  return reorder.call(weight, c10::SymInt(m));
}

at::Tensor onednn_linear(const at::Tensor& x, const at::Tensor& weight) {
  static const auto linear =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            c10::string_view, c10::List<std::optional<at::Scalar>>,
                            std::optional<c10::string_view>)>();
  return linear.call(x, weight, {}, "none", c10::List<std::optional<at::Scalar>>(), {});
}

double seconds_of(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Median GFLOP/s of each library; the libraries take turns, so that all see the same machine.
std::vector<double> measure(const Product& p) {
  const auto copies =
      static_cast<std::size_t>(std::clamp<std::int64_t>(kBytesOfCopies / (p.n * p.k * 4), 1, 64));
  const at::Tensor x = at::randn({p.m, p.k});
  at::Tensor y = at::randn({p.m, p.n});
  std::vector<at::Tensor> plain, panels, short_panels, reordered;
  for (std::size_t i = 0; i < copies; ++i) {
    plain.push_back(at::randn({p.n, p.k}));
    panels.push_back(cpu::panels_of_weight(plain.back()));
    short_panels.push_back(panels.back().to(at::kBFloat16));
    reordered.push_back(onednn_weight(plain.back(), p.m));
  }
  std::vector<Library> libraries = {
      {"own", [&](std::size_t i) { cpu::multiply(x, panels[i], {}, y); }},
      {"bfloat16", [&](std::size_t i) { cpu::multiply(x, short_panels[i], {}, y); }},
      {"MKL", [&](std::size_t i) { y = at::linear(x, plain[i]); }},
      {"oneDNN", [&](std::size_t i) { y = onednn_linear(x, reordered[i]); }}};
  if (openblas() != nullptr) {
    libraries.push_back({"OpenBLAS", [&](std::size_t i) {
                           constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112;
                           openblas()(kRowMajor, kPlain, kTransposed, static_cast<int>(p.m),
                                      static_cast<int>(p.n), static_cast<int>(p.k), 1,
                                      x.const_data_ptr<float>(), static_cast<int>(p.k),
                                      plain[i].const_data_ptr<float>(), static_cast<int>(p.k), 0,
                                      y.mutable_data_ptr<float>(), static_cast<int>(p.n));
                         }});
  }
  const double flops = 2 * static_cast<double>(p.m) * static_cast<double>(p.n * p.k);
  const auto calls = static_cast<std::size_t>(std::clamp(4e9 / flops, 1.0, 2000.0));
  std::vector<std::vector<double>> rates(libraries.size());
  for (int round = 0; round <= kRounds; ++round) {
    for (std::size_t i = 0; i < libraries.size(); ++i) {
      const double seconds = seconds_of([&] {
        for (std::size_t call = 0; call < calls; ++call) {
          libraries[i].run(call % copies);
        }
      });
      if (round > 0) {  // the first one warms up
        rates[i].push_back(flops * static_cast<double>(calls) / seconds / 1e9);
      }
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& list : rates) {
    std::sort(list.begin(), list.end());
    medians.push_back(list[list.size() / 2]);
  }
  return medians;
}

void run(std::vector<std::int64_t> row_counts) {
  const c10::InferenceMode inference;
  constexpr std::array<std::array<std::int64_t, 2>, 5> kLayers = {
      {{576, 576}, {192, 576}, {1536, 576}, {576, 1536}, {49152, 576}}};  // n, k of SmolLM2-135M
  std::printf("%d threads; GFLOP/s\n%6s %6s %5s %8s %8s %8s %8s %8s  own/best bfloat16/own\n",
              at::get_num_threads(), "m", "n", "k", "own", "bfloat16", "MKL", "oneDNN", "OpenBLAS");
  double logs = 0;
  double worst = 1e9;
  int count = 0;
  if (row_counts.empty()) {
    row_counts = {1, 4, 16, 64, 256, 1024, 4096};
  }
  for (const std::int64_t m : row_counts) {
    for (const auto& [n, k] : kLayers) {
      if (n * m > 49152 * 256) {
        continue;  // logits are computed in chunks of at most 256 rows
      }
      const std::vector<double> rates = measure({m, n, k});
      const double best = *std::max_element(rates.begin() + 2, rates.end());
      const double ratio = rates.front() / best;
      std::printf("%6lld %6lld %5lld %8.1f %8.1f %8.1f %8.1f %8.1f  %8.2f %12.2f\n",
                  static_cast<long long>(m), static_cast<long long>(n), static_cast<long long>(k),
                  rates[0], rates[1], rates[2], rates[3], rates.size() > 4 ? rates[4] : 0.0, ratio,
                  rates[1] / rates[0]);
      std::fflush(stdout);
      logs += std::log(ratio);
      worst = std::min(worst, ratio);
      ++count;
    }
  }
  std::printf("geometric mean of own/best %.2f, lowest %.2f, %d shapes\n", std::exp(logs / count),
              worst, count);
}

}  // namespace
}  // namespace cogent::model

int main(int count, char** arguments) {
  std::vector<std::int64_t> row_counts;
  for (int i = 1; i < count; ++i) {
    row_counts.push_back(std::strtoll(arguments[i], nullptr, 10));
  }
  cogent::model::run(row_counts);
  return 0;
}
