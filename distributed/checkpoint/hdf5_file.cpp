#include "distributed/checkpoint/hdf5_file.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"

#include <string_view>

namespace cogent::distributed {
namespace {

struct Reason {
  std::string innermost;
  std::string system;  // strerror's text, where a system call failed
};

herr_t collect(unsigned /*depth*/, const H5E_error2_t* entry, void* into) {
  auto& reason = *static_cast<Reason*>(into);
  const std::string text = entry->desc == nullptr ? "" : entry->desc;
  if (reason.innermost.empty()) {
    reason.innermost = text;
  }
  constexpr std::string_view kBefore = "error message = '";
  const auto begin = text.find(kBefore);
  if (reason.system.empty() && begin != std::string::npos) {
    const auto from = begin + kBefore.size();
    reason.system = text.substr(from, text.find('\'', from) - from);
  }
  return 0;
}

// Why the last HDF5 call of this thread failed.
std::string last_reason() {
  Reason reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect, &reason);
  if (!reason.system.empty()) {
    return reason.system;
  }
  return reason.innermost.empty() ? "HDF5 gives no reason" : reason.innermost;
}

// Of every call that gives a status or a handle: negative is a failure.
template <typename Result>
Result checked(Result result, const std::string& where, const char* action) {
  check(result >= 0, ErrorCode::kCheckpoint, where, " cannot be ", action, ": ", last_reason());
  return result;
}

// Before the first other call of a thread: errors are thrown by us, not printed by the library. And
// the library does not clean up at exit: a close that fails leaves it a handle to freed memory,
// which it would follow then. Our handles close themselves, so nothing else is left for that
// moment.
void prepare_library() {
  [[maybe_unused]] static const herr_t once = H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Handle access_properties(const std::string& where) {
  Hdf5Handle properties(checked(H5Pcreate(H5P_FILE_ACCESS), where, "prepared"), H5Pclose);
  checked(H5Pset_libver_bounds(properties.id(), H5F_LIBVER_V110, H5F_LIBVER_LATEST), where,
          "prepared");
  return properties;
}

Hdf5Handle line_space(std::int64_t count, const std::string& where) {
  const auto extent = static_cast<hsize_t>(count);
  return Hdf5Handle(checked(H5Screate_simple(1, &extent, nullptr), where, "described"), H5Sclose);
}

}  // namespace

Hdf5Handle::~Hdf5Handle() {
  if (id_ >= 0 && close_(id_) < 0) {
    try {
      log_warning("an HDF5 handle cannot be closed: ", last_reason());
    } catch (...) {  // A destructor has nobody to tell.
    }
  }
}

void Hdf5Dataset::write(std::span<const float> values) {
  check(static_cast<std::int64_t>(values.size()) == count_, ErrorCode::kCheckpoint, where_, " has ",
        count_, " values, ", values.size(), " are given");
  checked(H5Dwrite(handle_.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
          where_, "written");
}

void Hdf5Dataset::read(std::int64_t offset, std::span<float> values) const {
  const auto count = static_cast<std::int64_t>(values.size());
  check(offset >= 0 && offset <= count_ && count <= count_ - offset, ErrorCode::kCheckpoint, where_,
        " has ", count_, " values, ", count, " are asked for at ", offset);
  if (count == 0) {
    return;
  }
  const Hdf5Handle file_space = line_space(count_, where_);
  const Hdf5Handle memory_space = line_space(count, where_);
  const auto start = static_cast<hsize_t>(offset);
  const auto length = static_cast<hsize_t>(count);
  checked(H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, &start, nullptr, &length, nullptr),
          where_, "selected");
  checked(H5Dread(handle_.id(), H5T_NATIVE_FLOAT, memory_space.id(), file_space.id(), H5P_DEFAULT,
                  values.data()),
          where_, "read");
}

void Hdf5Dataset::write_attribute(const std::string& name, hid_t space, hid_t file_type,
                                  hid_t memory_type, const void* values) {
  const std::string where = concat("attribute ", name, " of ", where_);
  Hdf5Handle attribute(
      checked(H5Acreate2(handle_.id(), name.c_str(), file_type, space, H5P_DEFAULT, H5P_DEFAULT),
              where, "created"),
      H5Aclose);
  checked(H5Awrite(attribute.id(), memory_type, values), where, "written");
  checked(attribute.close(), where, "closed");
}

void Hdf5Dataset::write_attribute(const std::string& name, std::span<const std::int64_t> values) {
  const Hdf5Handle space = line_space(static_cast<std::int64_t>(values.size()), where_);
  write_attribute(name, space.id(), H5T_STD_I64LE, H5T_NATIVE_INT64, values.data());
}

void Hdf5Dataset::write_attribute(const std::string& name, std::uint64_t value) {
  const Hdf5Handle space(checked(H5Screate(H5S_SCALAR), where_, "described"), H5Sclose);
  write_attribute(name, space.id(), H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

void Hdf5Dataset::close() {
  checked(handle_.close(), where_, "closed");
}

Hdf5File Hdf5File::create(const std::filesystem::path& path) {
  prepare_library();
  const Hdf5Handle access = access_properties(path.string());
  return {Hdf5Handle(checked(H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, access.id()),
                             path.string(), "created"),
                     H5Fclose),
          path.string()};
}

Hdf5File Hdf5File::open(const std::filesystem::path& path) {
  prepare_library();
  const Hdf5Handle access = access_properties(path.string());
  return {Hdf5Handle(checked(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), path.string(),
                             "opened as an HDF5 file"),
                     H5Fclose),
          path.string()};
}

void Hdf5File::create_group(const std::string& name) {
  const std::string where = concat("group ", name, " of ", path_);
  Hdf5Handle group(
      checked(H5Gcreate2(handle_.id(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), where,
              "created"),
      H5Gclose);
  checked(group.close(), where, "closed");
}

Hdf5Dataset Hdf5File::create_dataset(const std::string& name, std::int64_t count) {
  std::string where = concat("dataset ", name, " of ", path_);
  const Hdf5Handle space = line_space(count, where);
  const Hdf5Handle layout(checked(H5Pcreate(H5P_DATASET_CREATE), where, "prepared"), H5Pclose);
  checked(H5Pset_layout(layout.id(), H5D_CONTIGUOUS), where, "prepared");
  Hdf5Handle dataset(checked(H5Dcreate2(handle_.id(), name.c_str(), H5T_IEEE_F32LE, space.id(),
                                        H5P_DEFAULT, layout.id(), H5P_DEFAULT),
                             where, "created"),
                     H5Dclose);
  return {std::move(dataset), std::move(where), count};
}

Hdf5Dataset Hdf5File::open_dataset(const std::string& name) const {
  std::string where = concat("dataset ", name, " of ", path_);
  Hdf5Handle dataset(checked(H5Dopen2(handle_.id(), name.c_str(), H5P_DEFAULT), where, "opened"),
                     H5Dclose);
  const Hdf5Handle type(checked(H5Dget_type(dataset.id()), where, "described"), H5Tclose);
  check(H5Tequal(type.id(), H5T_IEEE_F32LE) > 0, ErrorCode::kCheckpoint, where,
        " is not of the type float32");
  const Hdf5Handle space(checked(H5Dget_space(dataset.id()), where, "described"), H5Sclose);
  const int dimensions = H5Sget_simple_extent_ndims(space.id());
  check(dimensions == 1, ErrorCode::kCheckpoint, where, " has ", dimensions,
        " dimensions, a shard has 1");
  const std::int64_t count = checked(H5Sget_simple_extent_npoints(space.id()), where, "described");
  return {std::move(dataset), std::move(where), count};
}

void Hdf5File::close() {
  checked(H5Fflush(handle_.id(), H5F_SCOPE_LOCAL), path_, "flushed");
  checked(handle_.close(), path_, "closed");
}

}  // namespace cogent::distributed
