# Third-party packages. Each is linked PRIVATE by the folder that wraps it, except where its types are in our headers.
set(Boost_NO_WARN_NEW_VERSIONS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
find_package(Threads REQUIRED)

if(COGENT_TORCH)
  # The torch wheel without its CUDA dependencies. Its own CMake package would demand a CUDA toolkit of its own version, so the two
  # libraries that a CPU build needs are named here.
  set(torch_root "${COGENT_DEPS}/wheels/torch")
  if(NOT EXISTS "${torch_root}/lib/libtorch_cpu.so")
    message(FATAL_ERROR "libtorch is not at ${torch_root}: run launch/setup.sh first, or set COGENT_DEPS")
  endif()
  add_library(cogent_torch INTERFACE)
  target_include_directories(cogent_torch SYSTEM INTERFACE "${torch_root}/include")
  # One OpenMP runtime in the process: the wheel's libgomp has the system's soname, and is found first on the run path.
  target_link_libraries(cogent_torch INTERFACE "${torch_root}/lib/libtorch_cpu.so" "${torch_root}/lib/libc10.so" "${torch_root}/lib/libgomp.so.1")
  target_compile_options(cogent_torch INTERFACE -fopenmp)
  set(cogent_torch_rpath "${torch_root}/lib;${COGENT_DEPS}/wheels/nvidia/cu13/lib")
  target_link_options(cogent_torch INTERFACE "-Wl,-rpath-link,${COGENT_DEPS}/wheels/nvidia/cu13/lib")
  list(APPEND CMAKE_BUILD_RPATH ${cogent_torch_rpath})
endif()

if(COGENT_NCCL)
  # The wheel set that torch pins comes first, so that a process never holds two copies of NCCL.
  set(nccl_wheel "${COGENT_DEPS}/wheels/nvidia/nccl")
  find_package(CUDAToolkit REQUIRED)
  find_path(COGENT_NCCL_INCLUDE nccl.h HINTS "${nccl_wheel}/include" ${CUDAToolkit_INCLUDE_DIRS} REQUIRED)
  find_library(COGENT_NCCL_LIBRARY NAMES nccl libnccl.so.2
    HINTS "${nccl_wheel}/lib" "${CUDAToolkit_LIBRARY_DIR}" "${CUDAToolkit_LIBRARY_ROOT}/lib" REQUIRED)
  add_library(cogent_nccl INTERFACE)
  target_include_directories(cogent_nccl SYSTEM INTERFACE "${COGENT_NCCL_INCLUDE}")
  target_link_libraries(cogent_nccl INTERFACE "${COGENT_NCCL_LIBRARY}" CUDA::cudart)
endif()
