#include "distributed/checkpoint/agreement.hpp"

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

#include <exception>
#include <string>

namespace cogent::distributed {
namespace {

std::vector<std::byte> run(const std::function<std::vector<std::byte>()>& action) {
  ByteWriter out;
  try {
    const std::vector<std::byte> result = action();
    out.write_string("");
    out.write_string({reinterpret_cast<const char*>(result.data()), result.size()});
  } catch (const std::exception& error) {
    const std::string_view reason = error.what();
    out.write_string(reason.empty() ? "an error without a text" : reason);
    out.write_string("");
  }
  return out.take();
}

}  // namespace

std::vector<std::vector<std::byte>> all_agree(
    Communicator& ranks, std::string_view what,
    const std::function<std::vector<std::byte>()>& action) {
  const auto outcomes = all_gather_bytes(ranks, run(action), what);
  std::vector<std::vector<std::byte>> results;
  for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
    ByteReader in(outcomes[rank], concat(what, " of learner ", rank), ErrorCode::kCommunication);
    const std::string reason = in.read_string();
    check(reason.empty(), ErrorCode::kCheckpoint, "learner ", rank, ": ", reason);
    const std::string result = in.read_string();
    const auto* begin = reinterpret_cast<const std::byte*>(result.data());
    results.emplace_back(begin, begin + result.size());
  }
  return results;
}

}  // namespace cogent::distributed
