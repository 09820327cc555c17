#include "launch/report/chart.hpp"

#include "launch/report/markup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace cogent::launch {
namespace {

// The drawing, in SVG units.
constexpr double kWidth = 380, kHeight = 190;
constexpr double kLeft = 52, kRight = 12, kTop = 10, kBottom = 24;

constexpr std::size_t kMostPoints = 400;  // more than a chart has pixels to show
constexpr std::size_t kFewPoints = 40;    // up to here a running mean says nothing
constexpr double kLargestValue = 1e100;   // far from overflow in the arithmetic of an axis

// An interval that is drawn, never empty.
struct Axis {
  double low = 0;
  double high = 1;
  double tick = 1;
};

Axis make_axis(double low, double high, int ticks, double smallest_tick) {
  const double size = std::max(std::abs(low), std::abs(high));
  if (high - low <= 1e-9 * size || size == 0) {
    const double margin = size > 0 ? 0.05 * size : 1;
    low -= margin;
    high += margin;
  }
  const double rough = (high - low) / ticks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double tick = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= rough) {
      tick = factor * power;
    }
  }
  return {low, high, std::max(tick, smallest_tick)};
}

std::vector<double> tick_values(const Axis& axis) {
  std::vector<double> values;
  const double first = std::ceil(axis.low / axis.tick - 1e-9);
  const double last = std::floor(axis.high / axis.tick + 1e-9);
  for (double i = first; i <= last && values.size() < 12; ++i) {
    values.push_back(i == 0 ? 0 : i * axis.tick);
  }
  return values;
}

// Neighbours are averaged until a chart has no more points than it can show.
std::vector<ChartPoint> thin(const std::vector<ChartPoint>& points) {
  const std::size_t bucket = (points.size() + kMostPoints - 1) / kMostPoints;
  std::vector<ChartPoint> thinned;
  for (std::size_t begin = 0; begin < points.size(); begin += bucket) {
    const std::size_t end = std::min(begin + bucket, points.size());
    ChartPoint mean;
    for (std::size_t i = begin; i < end; ++i) {
      mean.step += points[i].step / static_cast<double>(end - begin);
      mean.value += points[i].value / static_cast<double>(end - begin);
    }
    thinned.push_back(mean);
  }
  return thinned;
}

// The mean around each point, over a tenth of the chart.
std::vector<ChartPoint> running_mean(const std::vector<ChartPoint>& points) {
  const std::size_t reach = points.size() / 20;
  std::vector<ChartPoint> means;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t begin = i < reach ? 0 : i - reach;
    const std::size_t end = std::min(i + reach + 1, points.size());
    double sum = 0;
    for (std::size_t j = begin; j < end; ++j) {
      sum += points[j].value;
    }
    means.push_back({points[i].step, sum / static_cast<double>(end - begin)});
  }
  return means;
}

class Drawing {
 public:
  explicit Drawing(const std::vector<ChartPoint>& points) {
    const auto by_step = [](const ChartPoint& a, const ChartPoint& b) { return a.step < b.step; };
    const auto by_value = [](const ChartPoint& a, const ChartPoint& b) {
      return a.value < b.value;
    };
    const auto steps = std::minmax_element(points.begin(), points.end(), by_step);
    const auto values = std::minmax_element(points.begin(), points.end(), by_value);
    x_ = make_axis(steps.first->step, steps.second->step, 5, 1);
    y_ = make_axis(values.first->value, values.second->value, 4, 0);
  }

  void axes() {
    for (const double value : tick_values(y_)) {
      add(R"(<line class="grid" x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}"/>)", kLeft,
          kWidth - kRight, y(value));
      add(R"(<text x="{}" y="{:.1f}" text-anchor="end">{}</text>)", kLeft - 6, y(value) + 3.5,
          show_digits(value, 6));
    }
    for (const double step : tick_values(x_)) {
      add(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", x(step), kHeight - 8,
          show_digits(step, 9));
    }
  }

  void line(const std::vector<ChartPoint>& points, const char* css_class) {
    add(R"(<polyline class="{}" points=")", css_class);
    for (const ChartPoint& point : points) {
      add("{:.1f},{:.1f} ", x(point.step), y(point.value));
    }
    add("\"/>");
  }

  // A mark on each point, or only a place to rest the pointer on.
  void marks(const std::vector<ChartPoint>& points, const char* css_class) {
    for (const ChartPoint& point : points) {
      add(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>step {}: {}</title></circle>)",
          css_class, x(point.step), y(point.value), show_digits(point.step, 9),
          show_digits(point.value, 5));
    }
  }

  const std::string& svg() const { return svg_; }

 private:
  template <typename... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(svg_), format, std::forward<Arguments>(arguments)...);
  }
  double x(double step) const {
    return kLeft + (kWidth - kLeft - kRight) * ((step - x_.low) / (x_.high - x_.low));
  }
  double y(double value) const {
    return kHeight - kBottom - (kHeight - kTop - kBottom) * ((value - y_.low) / (y_.high - y_.low));
  }

  Axis x_;
  Axis y_;
  std::string svg_;
};

}  // namespace

std::string to_svg(const Chart& chart) {
  std::vector<ChartPoint> points;
  for (const ChartPoint& point : chart.points) {
    if (std::abs(point.value) <= kLargestValue && std::abs(point.step) <= kLargestValue) {
      points.push_back(point);
    }
  }
  if (points.empty()) {
    return "";
  }
  const std::string last = show_digits(points.back().value, 4);
  points = thin(points);
  Drawing drawing(points);
  drawing.axes();
  if (chart.style == ChartStyle::kNoisy && points.size() > kFewPoints) {
    drawing.line(points, "pale");
    drawing.line(running_mean(points), "line");
  } else {
    drawing.line(points, "line");
  }
  const bool marked = chart.style == ChartStyle::kMarked || points.size() == 1;
  drawing.marks(points, marked ? "mark" : "touch");
  return fmt::format(
      R"(<figure><figcaption>{0} <span>last {1}</span></figcaption><svg viewBox="0 0 {2} {3}" role="img" aria-label="{0} by step, last {1}">{4}</svg></figure>)"
      "\n",
      escape_markup(chart.title), last, kWidth, kHeight, drawing.svg());
}

}  // namespace cogent::launch
