#include "core/base/error.hpp"
#include "core/data/formats.hpp"
#include "core/data/reader.hpp"
#include "core/ner/annotate.hpp"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

// The call gives examples or an Error of kData; anything else ends the program.
template <typename Read>
std::vector<cogent::Example> try_read(Read read) {
  try {
    return read();
  } catch (const cogent::Error& error) {
    if (error.code() != cogent::ErrorCode::kData) {
      std::cerr << "error of another code: " << error.what() << "\n";
      std::abort();
    }
    return {};
  }
}

}  // namespace

// Every reader of a data file over any bytes; a record that reads is written and reads back equal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace cogent;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  try_read([&] { return data::read_conll(text, "input.conll"); });
  try_read([&] { return data::read_json_array(text, "absent/input.json"); });
  for (Example& example : try_read([&] { return data::read_json_records(text, "input.jsonl"); })) {
    example.schema.clear();
    const json::object record = ner::example_record(example);
    if (data::example_from_json(record, 0, "again", data::Gold::kRequired).entities !=
        example.entities) {
      std::cerr << "does not read back: " << to_json_line(record) << "\n";
      std::abort();
    }
  }
  return 0;
}
