#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "launch/cli.hpp"

#include <exception>
#include <new>

int main(int argc, char** argv) {
  using namespace cogent;
  try {
    return launch::run_command_line(argc, argv);
  } catch (const Error& error) {
    log_error(error.what());
    flush_log();
    return exit_status(error.code());
  } catch (const std::bad_alloc&) {
    log_error(
        "memory is used up: where the command has them, lower --batch or --max-tokens, or set "
        "--weights bfloat16");
  } catch (const std::exception& error) {
    log_error("unexpected: ", error.what());
  }
  flush_log();
  return exit_status(ErrorCode::kUnexpected);
}
