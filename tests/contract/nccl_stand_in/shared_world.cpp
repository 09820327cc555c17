#include "shared_world.hpp"

#include <chrono>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

struct SharedWorld::Memory {
  std::atomic<std::uint32_t> arrived;  // at the present meeting
  std::atomic<std::uint32_t> meetings;
  Call calls[kMostRanks];
  std::byte pieces[kMostRanks][kPieceBytes];
};

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

std::string SharedWorld::fresh_name() {
  static std::atomic<int> next = 0;
  return "/cogent-nccl-" + std::to_string(getpid()) + "-" + std::to_string(next++);
}

SharedWorld::SharedWorld(const std::string& name, int rank, int ranks,
                         const std::atomic<bool>& aborted)
    : name_(name), rank_(rank), ranks_(ranks), aborted_(aborted) {
  // New memory is zero, whoever makes it first.
  const int file = shm_open(name.c_str(), O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, sizeof(Memory)) != 0) {
    throw std::runtime_error(name + " cannot be shared");
  }
  void* address = mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (address == MAP_FAILED) {
    throw std::runtime_error(name + " cannot be mapped");
  }
  memory_ = static_cast<Memory*>(address);
}

SharedWorld::~SharedWorld() {
  munmap(memory_, sizeof(Memory));
  shm_unlink(name_.c_str());  // The first rank to go takes the name away; the memory stays.
}

bool SharedWorld::meet() {
  const std::uint32_t meeting = memory_->meetings.load();
  if (memory_->arrived.fetch_add(1) + 1 == static_cast<std::uint32_t>(ranks_)) {
    memory_->arrived.store(0);
    memory_->meetings.store(meeting + 1);
    return true;
  }
  while (memory_->meetings.load() == meeting) {
    if (aborted_.load()) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

bool SharedWorld::agree(const Call& own) {
  memory_->calls[rank_] = own;
  if (!meet()) {
    return false;
  }
  bool same = true;
  for (int rank = 0; rank < ranks_; ++rank) {
    same = same && memory_->calls[rank] == own;
  }
  return meet() && same;
}

std::span<std::byte> SharedWorld::piece(int rank) const {
  return memory_->pieces[rank];
}
