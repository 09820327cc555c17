#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

namespace cogent::distributed {

// A handle of HDF5 that closes itself. The destructor is the nothrow twin of close(): what fails
// there is logged.
class Hdf5Handle {
 public:
  using CloseFunction = herr_t (*)(hid_t);
  Hdf5Handle(hid_t id, CloseFunction close_function) : id_(id), close_(close_function) {}
  ~Hdf5Handle();
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;
  hid_t id() const { return id_; }
  herr_t close() { return close_(std::exchange(id_, H5I_INVALID_HID)); }

 private:
  hid_t id_;
  CloseFunction close_;
};

// A contiguous dataset of float32 values. Errors are kCheckpoint and give HDF5's reason, the
// operating system's where there is one ("No space left on device").
class Hdf5Dataset {
 public:
  std::int64_t count() const { return count_; }
  // values.size() must be count().
  void write(std::span<const float> values);
  // Values offset .. offset + values.size(), a hyperslab.
  void read(std::int64_t offset, std::span<float> values) const;
  void write_attribute(const std::string& name, std::span<const std::int64_t> values);
  void write_attribute(const std::string& name, std::uint64_t value);
  void close();

 private:
  friend class Hdf5File;
  Hdf5Dataset(Hdf5Handle handle, std::string where, std::int64_t count)
      : handle_(std::move(handle)), where_(std::move(where)), count_(count) {}
  void write_attribute(const std::string& name, hid_t space, hid_t file_type, hid_t memory_type,
                       const void* values);

  Hdf5Handle handle_;
  std::string where_;  // file and dataset, for messages
  std::int64_t count_;
};

// One HDF5 file, in the format of HDF5 1.10: a file whose writer was killed is refused at open
// (the earlier format opens and gives wrong values). Datasets die before their file.
class Hdf5File {
 public:
  // A file of this name must not exist.
  static Hdf5File create(const std::filesystem::path& path);
  static Hdf5File open(const std::filesystem::path& path);
  void create_group(const std::string& name);
  Hdf5Dataset create_dataset(const std::string& name, std::int64_t count);
  // Throws where the dataset is absent, has another type, or has not one dimension.
  Hdf5Dataset open_dataset(const std::string& name) const;
  // Flushes and closes. A success says little (after a failed write HDF5 closes cleanly): the
  // writer reads the file back.
  void close();

 private:
  Hdf5File(Hdf5Handle handle, std::string path)
      : handle_(std::move(handle)), path_(std::move(path)) {}

  Hdf5Handle handle_;
  std::string path_;
};

}  // namespace cogent::distributed
