// Saves steps 1 to 3 into a folder: the process that crash_test.cpp kills at its fault points.
#include "tests/checkpoint/small_model.hpp"

#include <cstdio>

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("one argument is needed: the folder\n", stderr);
    return 2;
  }
  const auto errors = cogent::distributed::testing::save_steps(arguments[1], 1, {1, 2, 3});
  std::fputs(errors.front().c_str(), stderr);
  return errors.front().empty() ? 0 : 1;
}
