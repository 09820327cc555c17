#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

// Memory that the ranks of one communicator share: who calls what, and a piece of values of each.
class SharedWorld {
 public:
  static constexpr int kMostRanks = 8;
  static constexpr std::size_t kPieceBytes = 64 << 10;

  // What a rank is about to do. Equal on all ranks, or somebody uses the library wrongly.
  struct Call {
    std::int32_t kind = 0;
    std::int32_t type = 0;
    std::int32_t op = 0;
    std::int32_t root = 0;
    std::uint64_t count = 0;
    std::uint64_t group = 0;  // calls of its group
    std::uint64_t place = 0;  // in the group
    bool operator==(const Call&) const = default;
  };

  // A name that nobody has yet.
  static std::string fresh_name();
  // Waits for nobody: meet() does.
  SharedWorld(const std::string& name, int rank, int ranks, const std::atomic<bool>& aborted);
  ~SharedWorld();
  SharedWorld(const SharedWorld&) = delete;
  SharedWorld& operator=(const SharedWorld&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  // All ranks are here. False where this rank was aborted meanwhile.
  bool meet();
  // Whether all ranks make this call; meets twice.
  bool agree(const Call& own);
  std::span<std::byte> piece(int rank) const;

 private:
  struct Memory;

  std::string name_;
  int rank_;
  int ranks_;
  const std::atomic<bool>& aborted_;
  Memory* memory_ = nullptr;
};
