#include "core/ner/metric_json.hpp"

namespace cogent::ner {

json::object to_json(const Counts& counts) {
  return {{"precision", percent(counts.precision())},
          {"recall", percent(counts.recall())},
          {"f1", percent(counts.f1())},
          {"tp", counts.tp},
          {"fp", counts.fp},
          {"fn", counts.fn}};
}

}  // namespace cogent::ner
