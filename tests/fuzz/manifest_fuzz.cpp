#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "distributed/checkpoint/manifest.hpp"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

using cogent::distributed::Manifest;

// What reads must be written and read back to the same text. Everything else is an Error of
// kCheckpoint: another exception ends the program.
void try_manifest(Manifest (*parse)(std::string_view, const std::string&), std::string_view text) {
  Manifest manifest;
  try {
    manifest = parse(text, "input");
  } catch (const cogent::Error& error) {
    if (error.code() != cogent::ErrorCode::kCheckpoint) {
      std::cerr << "error of another code: " << error.what() << "\n";
      std::abort();
    }
    return;
  }
  const std::string written = write_manifest(manifest);
  if (write_manifest(cogent::distributed::parse_manifest(written, "again")) != written) {
    std::cerr << "reads back to another manifest:\n" << written;
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  try_manifest(cogent::distributed::parse_manifest, text);
  try_manifest(cogent::distributed::parse_manifest_body, text);  // behind the hash
  return 0;
}
