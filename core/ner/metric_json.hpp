#pragma once

#include "core/base/json_lines.hpp"
#include "core/ner/metric.hpp"

namespace cogent::ner {

// precision, recall and f1 in percent, and tp, fp and fn.
json::object to_json(const Counts& counts);

}  // namespace cogent::ner
