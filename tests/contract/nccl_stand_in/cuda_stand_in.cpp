#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include "stand_in_stream.hpp"

StandInStream::StandInStream() : thread_([this] { loop(); }) {}

StandInStream::~StandInStream() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void StandInStream::queue(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  changed_.notify_all();
}

void StandInStream::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return work_.empty() && !busy_; });
}

void StandInStream::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !work_.empty(); });
    if (work_.empty()) {
      return;
    }
    const std::function<void()> work = std::move(work_.front());
    work_.pop_front();
    busy_ = true;
    lock.unlock();
    std::this_thread::sleep_for(kLateness);
    work();
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

// Counts its records: one is reached when the stream comes to it.
struct EventState {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t recorded = 0;  // guarded by mutex, as what follows
  std::uint64_t reached = 0;
};

// Work on a stream holds the state: destroying an event waits for nobody.
struct StandInEvent {
  std::shared_ptr<EventState> state = std::make_shared<EventState>();
};

namespace {

constexpr int kDevices = 8;
// Of a queued copy: longer than a collective of small values takes, which must wait for it.
constexpr std::chrono::milliseconds kCopyLateness(10);

// Device memory by its first byte.
struct Allocations {
  std::mutex mutex;
  std::map<const std::byte*, std::size_t> bytes;  // guarded by mutex
};

Allocations& allocations() {
  static Allocations all;
  return all;
}

bool is_known(const void* data, std::size_t bytes, cudaMemcpyKind kind, const void* other) {
  return is_device_memory(kind == cudaMemcpyHostToDevice ? data : other, bytes);
}

}  // namespace

StandInStream& stand_in_stream(cudaStream_t stream) {
  static StandInStream usual;
  return stream == nullptr ? usual : *stream;
}

bool is_device_memory(const void* data, std::size_t bytes) {
  const auto* begin = static_cast<const std::byte*>(data);
  Allocations& all = allocations();
  std::lock_guard lock(all.mutex);
  auto place = all.bytes.upper_bound(begin);
  if (place == all.bytes.begin()) {
    return false;
  }
  --place;
  return begin + bytes <= place->first + place->second;
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorNotReady:
      return "device not ready";
  }
  return "unknown error";
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = kDevices;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return device >= 0 && device < kDevices ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  *data = std::malloc(bytes);
  Allocations& all = allocations();
  std::lock_guard lock(all.mutex);
  all.bytes[static_cast<const std::byte*>(*data)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* data) {
  if (data == nullptr) {
    return cudaSuccess;
  }
  Allocations& all = allocations();
  std::lock_guard lock(all.mutex);
  if (all.bytes.erase(static_cast<const std::byte*>(data)) == 0) {
    return cudaErrorInvalidValue;
  }
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (!is_known(to, bytes, kind, from)) {
    return cudaErrorInvalidValue;
  }
  stand_in_stream(nullptr).drain();
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (!is_known(to, bytes, kind, from)) {
    return cudaErrorInvalidValue;
  }
  stand_in_stream(stream).queue([=] {
    std::this_thread::sleep_for(kCopyLateness);
    std::memcpy(to, from, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  // Another kind of stream would wait for the default stream.
  if (flags != cudaStreamNonBlocking) {
    return cudaErrorInvalidValue;
  }
  *stream = new StandInStream;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new StandInEvent;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::shared_ptr<EventState> state = event->state;
  std::uint64_t number = 0;
  {
    std::lock_guard lock(state->mutex);
    number = ++state->recorded;
  }
  stand_in_stream(stream).queue([state, number] {
    std::lock_guard lock(state->mutex);
    state->reached = std::max(state->reached, number);
    state->changed.notify_all();
  });
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  std::lock_guard lock(event->state->mutex);
  return event->state->reached >= event->state->recorded ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const std::shared_ptr<EventState> state = event->state;
  std::uint64_t number = 0;
  {
    std::lock_guard lock(state->mutex);
    number = state->recorded;
  }
  stand_in_stream(stream).queue([state, number] {
    std::unique_lock lock(state->mutex);
    state->changed.wait(lock, [&] { return state->reached >= number; });
  });
  return cudaSuccess;
}
