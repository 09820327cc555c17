#pragma once

#include <cuda_runtime.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

// How late a stream does each piece of its work.
inline constexpr std::chrono::microseconds kLateness(500);

// Work in order, on a thread of its own.
struct StandInStream {
 public:
  StandInStream();
  ~StandInStream();  // behind all work
  void queue(std::function<void()> work);
  void drain();  // waits for all work so far

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;  // guarded by mutex_, as what follows
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

// The stream itself, or the default one for null.
StandInStream& stand_in_stream(cudaStream_t stream);

// Whether cudaMalloc gave all of these bytes.
bool is_device_memory(const void* data, std::size_t bytes);
