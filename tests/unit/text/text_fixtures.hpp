#pragma once

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/text/tokenizer.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace cogent::text {

inline std::string fixture_text(const std::string& name) {
  const char* folder = std::getenv("COGENT_FIXTURES");
  check(folder != nullptr, ErrorCode::kUsage, "COGENT_FIXTURES is not set");
  return read_file(std::string(folder) + "/text/" + name, ErrorCode::kData);
}

inline boost::json::value fixture_json(const std::string& name) {
  return boost::json::parse(fixture_text(name));
}

// The small tokenizer that tests/oracle/make_text_fixtures.py trains.
inline TokenizerSpec tiny_spec() {
  return parse_tokenizer_json(fixture_text("tiny_tokenizer.json"), "", "tiny_tokenizer.json");
}

inline std::string text_member(const boost::json::value& object, const char* key) {
  return std::string(object.at(key).as_string());
}

// The message of the kModel error that the call must throw.
inline std::string model_error(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModel) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace cogent::text
