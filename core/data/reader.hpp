#pragma once

#include "core/base/json_lines.hpp"
#include "core/records/records.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cogent::data {

enum class Split { kTrain, kDev, kTest };
const char* split_name(Split split);  // "train", "dev" or "test"

// Reads one data file. The format follows from the file (docs/formats/dataset.md): InstructUIE (a
// JSON array with labels.json beside it), JSON lines of gold or NER-CoT records, Pile-NER
// conversations (an array or lines), CoNLL BIO (.conll, .bio, .iob, .iob2, .txt).
//
// Labels come out in lower case and stripped, the dropped ones (core/ner/schema.hpp) left out of
// schema and entities; the schema is sorted; rows count from 0. An Error of kData names file, line
// and what is wrong with it.
std::vector<Example> read_examples(const std::string& path);
// The same of a file, or of one split of an InstructUIE folder.
std::vector<Example> read_examples(const std::string& path, Split split);
// Several files or folders in a row, with rows numbered through.
std::vector<Example> read_examples(std::span<const std::string> paths, Split split);

// Whether a record must have "entities". Where it need not, an absent one reads as none.
enum class Gold { kRequired, kOptional };

// One JSON-lines record: {"sentence": s, "schema": [s], "entities": [{"text": s, "label": s}],
// "dataset" or "source": s or null, "cot": s or null}. Other members are ignored. An Error of kData
// begins with `where`.
Example example_from_json(const json::object& record, std::uint32_t row, const std::string& where,
                          Gold gold);

// Hash of everything the examples hold, in order: two runs on equal digests saw the same data.
std::uint64_t data_digest(std::span<const Example> examples);

}  // namespace cogent::data
