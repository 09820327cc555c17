#pragma once

#include <string>
#include <vector>

namespace cogent::launch {

struct ChartPoint {
  double step = 0;
  double value = 0;
};

// What is drawn through the points: every point with a running mean where there are many, or the
// points themselves with a mark on each.
enum class ChartStyle { kNoisy, kMarked };

struct Chart {
  std::string title;
  std::vector<ChartPoint> points;  // by step; at least one
  ChartStyle style = ChartStyle::kNoisy;
};

// A line chart as one <figure> with an inline SVG. Its colours are the page's CSS classes. Points
// whose value is beyond 1e100 are left out.
std::string to_svg(const Chart& chart);

}  // namespace cogent::launch
