#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <omp.h>
#include <set>
#include <string>

namespace {

// Two OpenMP runtimes in a process would each start its own threads, and setting a thread count
// would reach only one of them.
TEST(OpenMp, ExactlyOneRuntimeIsLoaded) {
  omp_get_max_threads();
  std::ifstream maps("/proc/self/maps");
  std::set<std::string> runtimes;
  for (std::string line; std::getline(maps, line);) {
    for (const char* name : {"libgomp", "libiomp", "libomp"}) {
      const auto slash = line.rfind('/');
      if (slash != std::string::npos && line.find(name, slash) != std::string::npos) {
        runtimes.insert(line.substr(line.find('/')));
      }
    }
  }
  for (const std::string& runtime : runtimes) {
    std::cout << "OpenMP runtime: " << runtime << "\n";
  }
  EXPECT_EQ(runtimes.size(), 1u);
}

}  // namespace
