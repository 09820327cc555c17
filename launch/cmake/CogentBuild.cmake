# Settings of every target of the project, in one place.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# The hot loops ask for -O3 themselves; elsewhere it costs compile time, and g++ 12 then warns of overlaps that are not there.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")

find_program(COGENT_CCACHE ccache)
if(COGENT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${COGENT_CCACHE}")
endif()

add_library(cogent_build INTERFACE)
# -ffp-contract=off: the order and rounding of arithmetic is the source's, not the compiler's.
target_compile_options(cogent_build INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion -ffp-contract=off)
if(COGENT_WERROR)
  target_compile_options(cogent_build INTERFACE -Werror)
endif()
find_program(COGENT_MOLD mold)
if(COGENT_MOLD)
  target_link_options(cogent_build INTERFACE -fuse-ld=mold)
endif()
if(COGENT_SANITIZE)
  target_compile_options(cogent_build INTERFACE -fsanitize=${COGENT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(cogent_build INTERFACE -fsanitize=${COGENT_SANITIZE})
endif()
target_include_directories(cogent_build INTERFACE "${PROJECT_SOURCE_DIR}")

# cogent_library(NAME SOURCES a.cpp ... [PUBLIC target ...] [PRIVATE target ...])
# A folder of the project as a static library. PUBLIC: targets whose headers appear in this folder's headers.
function(cogent_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC cogent_build ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()
