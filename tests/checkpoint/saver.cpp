// Saves steps 1 to 3 into a folder: the process that crash_test.cpp kills at its fault points.
#include "tests/checkpoint/small_model.hpp"

#include <cstdio>
#include <cstdlib>

int main(int count, char** arguments) {
  if (count != 3) {
    std::fputs("two arguments are needed: the folder and how many checkpoints it keeps\n", stderr);
    return 2;
  }
  const auto errors = cogent::distributed::testing::save_steps(arguments[1], 1, {1, 2, 3},
                                                               std::atoll(arguments[2]));
  std::fputs(errors.front().c_str(), stderr);
  return errors.front().empty() ? 0 : 1;
}
