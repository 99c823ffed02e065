# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# One precompiled header of MLIR serves every compiler library: without it, reading
# MLIR's headers is most of the build.
add_library(dlPrecompiled OBJECT ${CMAKE_SOURCE_DIR}/tools/cmake/Precompiled.cpp)
target_include_directories(dlPrecompiled SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS}
                           ${LLVM_INCLUDE_DIRS})
target_compile_options(dlPrecompiled PRIVATE -fno-exceptions)
target_precompile_headers(dlPrecompiled PRIVATE
                          ${CMAKE_SOURCE_DIR}/tools/cmake/Precompiled.h)

# dl_add_library(NAME SOURCES... [DEPENDS ...] [LINK ...] [EXCEPTIONS])
# A static library of the compiler. EXCEPTIONS: built with C++ exceptions, and
# without the precompiled header, which is built without.
function(dl_add_library name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS}
                             ${LLVM_INCLUDE_DIRS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  if(NOT ARG_EXCEPTIONS)
    target_compile_options(${name} PRIVATE -fno-exceptions)
    target_precompile_headers(${name} REUSE_FROM dlPrecompiled)
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()
