// Drives a fuzz target without libFuzzer: every file of a corpus folder, then mutations of them
// drawn from a fixed seed, so that each run sees the same inputs.
//
//   NAME_fuzz CORPUS_FOLDER MUTATIONS [--trace]
//
// --trace names each input before it runs, to find the one that crashes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

using namespace std::string_view_literals;

using Random = std::mt19937_64;

struct Input {
  std::string name;
  std::string bytes;
};

std::vector<Input> read_corpus(const std::filesystem::path& folder) {
  std::vector<Input> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    inputs.push_back(
        {entry.path().filename().string(), std::string(std::istreambuf_iterator<char>(file), {})});
  }
  std::ranges::sort(inputs, {}, &Input::name);
  return inputs;
}

std::size_t below(Random& random, std::size_t bound) {
  return bound == 0 ? 0 : random() % bound;
}

// Bytes that mean something to most formats.
char telling_byte(Random& random) {
  constexpr std::string_view kBytes = "\0\x01\x7f\x80\xff\n\t \"'\\{}[]<>:,-&*0123456789eE."sv;
  return kBytes[below(random, kBytes.size())];
}

void mutate(std::string& bytes, const std::vector<Input>& corpus, Random& random) {
  const std::size_t at = below(random, bytes.size() + 1);
  const std::size_t length = 1 + below(random, std::min<std::size_t>(bytes.size() + 1, 64));
  switch (random() % 7) {
    case 0:
      bytes.insert(at, 1, telling_byte(random));
      break;
    case 1:
      bytes.replace(at, 1, 1, telling_byte(random));
      break;
    case 2:
      if (at < bytes.size()) {
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(random, 8)));
      }
      break;
    case 3:
      bytes.erase(at, length);
      break;
    case 4:
      bytes.resize(at);
      break;
    case 5:
      bytes.insert(at, bytes.substr(below(random, bytes.size()), length));
      break;
    default: {
      const std::string& other = corpus[below(random, corpus.size())].bytes;
      bytes.insert(at, other.substr(below(random, other.size()), length));
    }
  }
}

void run(const Input& input, bool trace) {
  if (trace) {
    std::cerr << input.name << ", " << input.bytes.size() << " bytes" << std::endl;
  }
  // A copy of the exact size, so that a sanitizer sees a read behind the end.
  const std::vector<std::uint8_t> exact(input.bytes.begin(), input.bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: " << argv[0] << " CORPUS_FOLDER MUTATIONS [--trace]\n";
    return 2;
  }
  const std::vector<Input> corpus = read_corpus(argv[1]);
  const int mutations = std::atoi(argv[2]);
  const bool trace = argc > 3 && std::string_view(argv[3]) == "--trace";
  if (corpus.empty()) {
    std::cerr << argv[1] << " holds no input\n";
    return 2;
  }
  for (const Input& input : corpus) {
    run(input, trace);
  }
  Random random(20240229);
  for (int i = 0; i < mutations; ++i) {
    Input input = corpus[below(random, corpus.size())];
    input.name += ", mutation " + std::to_string(i);
    for (std::size_t n = 1 + below(random, 4); n > 0; --n) {
      mutate(input.bytes, corpus, random);
    }
    run(input, trace);
  }
  std::cout << corpus.size() << " inputs and " << mutations << " mutations passed\n";
  return 0;
}
