# Functions that register tests. Labels: unit, contract, mpi, integration, cluster, fuzz, and the long ones (soak, learning), which
# tests/run.sh leaves out.
find_package(GTest REQUIRED)
include(GoogleTest)

# Open MPI's variables, from the one file that holds them.
file(STRINGS "${PROJECT_SOURCE_DIR}/launch/mpi.env" cogent_mpi_environment REGEX "^[A-Z]")

set(cogent_test_environment
  "COGENT_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
  "COGENT_BINARY_DIR=${PROJECT_BINARY_DIR}"
  "COGENT_FIXTURES=${PROJECT_SOURCE_DIR}/tests/fixtures"
  "COGENT_MODEL=${COGENT_DEPS}/model/SmolLM2-135M-Instruct.gguf"
  "ASAN_OPTIONS=fast_unwind_on_malloc=0"
  "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/cmake/lsan.supp"
  "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/cmake/tsan.supp ignore_noninstrumented_modules=1 history_size=4")

# cogent_test(NAME SOURCES a.cpp ... LINK target ... [LABEL unit] [TIMEOUT 60])
# One GoogleTest program, one ctest.
function(cogent_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE cogent_build ${arg_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${cogent_test_environment}")
endfunction()

# cogent_mpi_test(NAME SOURCES a.cpp ... LINK target ... RANKS 1 2 3 4 [LABEL mpi] [TIMEOUT 60])
# One GoogleTest program with its own main (tests/mpi/mpi_main.cpp), one ctest a rank count. 3 is there to break padding.
function(cogent_mpi_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LINK;RANKS" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL mpi)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES} "${PROJECT_SOURCE_DIR}/tests/mpi/mpi_main.cpp")
  target_link_libraries(${name} PRIVATE cogent_build ${arg_LINK} GTest::gtest GTest::gmock)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  foreach(ranks IN LISTS arg_RANKS)
    add_test(NAME ${name}.${ranks} COMMAND ${MPIEXEC_EXECUTABLE} -n ${ranks} $<TARGET_FILE:${name}>)
    set_tests_properties(${name}.${ranks} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} PROCESSORS 2
      ENVIRONMENT "${cogent_test_environment};${cogent_mpi_environment}")
  endforeach()
endfunction()

# cogent_script_test(NAME SCRIPT path LABEL integration [TIMEOUT 300])
# A bash script that drives the real binary; its working folder is a scratch folder of its own. With status 77 it counts as skipped.
function(cogent_script_test name)
  cmake_parse_arguments(arg "" "SCRIPT;LABEL;TIMEOUT" "" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/scratch/${name}")
  add_test(NAME ${name} COMMAND bash "${CMAKE_CURRENT_SOURCE_DIR}/${arg_SCRIPT}" WORKING_DIRECTORY "${PROJECT_BINARY_DIR}/scratch/${name}")
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ON SKIP_RETURN_CODE 77
    ENVIRONMENT "${cogent_test_environment};${cogent_mpi_environment};COGENT=${PROJECT_BINARY_DIR}/cogent")
endfunction()
