#pragma once

#include "core/ner/rationale.hpp"

#include <map>
#include <string>

namespace cogent::ner {

// What labels mean, for all data sets or for one.
struct DescriptionBook {
  LabelDescriptions common;
  std::map<std::string, LabelDescriptions> by_dataset;

  // Those of the data set where it has its own, else the common ones.
  const LabelDescriptions& of(const std::string& dataset) const;
};

// Reads {"label": "one line", ...} or {"data set": {"label": "one line", ...}, ...}, or a mixture.
// Labels are normalised. An Error of kData names file, line and key.
DescriptionBook read_descriptions(const std::string& path);

}  // namespace cogent::ner
