# One library per folder of src/, with its tests beside it.

# -Wno-restrict: g++ 12 sees overlapping copies in std::string's operator+ (GCC PR 105651).
# Flags of every target. -ffp-contract=off is part of the numeric law: a fused multiply-add rounds
# once where the law rounds twice, and only some CPUs have one.
add_library(onebit_flags INTERFACE)
target_include_directories(onebit_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(
  onebit_flags
  INTERFACE -ffp-contract=off -fno-math-errno -Wall -Wextra -Wshadow
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
            $<$<BOOL:${ONEBIT_WERROR}>:-Werror>
            $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2 -fstack-protector-strong>)
if(ONEBIT_SANITIZE)
  target_compile_options(onebit_flags INTERFACE -fsanitize=${ONEBIT_SANITIZE}
                                                -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # Compilers disagree on how to ask for it.
  target_compile_definitions(onebit_flags INTERFACE ONEBIT_SANITIZED)
  target_link_options(onebit_flags INTERFACE -fsanitize=${ONEBIT_SANITIZE})
endif()

# What is compiled for tests is compiled once and run for seconds: sanitised code, which triples in
# size, is not worth optimising where it is not the product's (server_test.cpp 6.5 s, so 2.4 s), nor
# do fuzzers look for paths in it.
function(onebit_compile_fast TARGET)
  if(ONEBIT_SANITIZE)
    target_compile_options(${TARGET} PRIVATE -O0)
  endif()
  if(ONEBIT_FUZZ)
    target_compile_options(${TARGET} PRIVATE -fno-sanitize=fuzzer-no-link)
  endif()
endfunction()

# onebit_library(NAME [DEPS lib...]): every .cpp of the folder (and its subfolders) but *_test.cpp.
function(onebit_library NAME)
  cmake_parse_arguments(ARG "" "" "DEPS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE SOURCES CONFIGURE_DEPENDS *.cpp)
  list(FILTER SOURCES EXCLUDE REGEX "_test\\.cpp$")
  if(ARG_EXCLUDE)
    list(FILTER SOURCES EXCLUDE REGEX "${ARG_EXCLUDE}")
  endif()
  if(NOT SOURCES)  # headers only
    add_library(onebit_${NAME} INTERFACE)
    target_link_libraries(onebit_${NAME} INTERFACE onebit_flags ${ARG_DEPS})
    return()
  endif()
  add_library(onebit_${NAME} STATIC ${SOURCES})
  target_compile_options(onebit_${NAME} PRIVATE -Wconversion -Wno-sign-conversion)
  target_link_libraries(onebit_${NAME} PUBLIC onebit_flags ${ARG_DEPS})
endfunction()

# onebit_test(NAME [DEPS lib...]): every *_test.cpp of the folder (and its subfolders), one binary.
function(onebit_test NAME)
  if(NOT ONEBIT_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB_RECURSE SOURCES CONFIGURE_DEPENDS *_test.cpp)
  if(NOT SOURCES)
    return()
  endif()
  add_executable(${NAME}_test ${SOURCES})
  set_target_properties(${NAME}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${NAME}_test PRIVATE ${ARG_DEPS} GTest::gtest GTest::gtest_main)
  onebit_compile_fast(${NAME}_test)
  if(NOT ONEBIT_SANITIZE)
    target_compile_options(${NAME}_test PRIVATE -O1)
  endif()
  target_compile_definitions(${NAME}_test PRIVATE ONEBIT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${NAME} COMMAND ${NAME}_test)
  set_tests_properties(${NAME} PROPERTIES TIMEOUT 600)
endfunction()
