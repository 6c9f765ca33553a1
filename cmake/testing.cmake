# How this project declares its tests: one call each. Included only with BUILD_TESTING.

find_package(GTest REQUIRED CONFIG)                      # GTest::gtest_main, GTest::gmock
find_package(benchmark CONFIG QUIET)                     # benchmark::benchmark, only for tests/bench
find_package(Python3 REQUIRED COMPONENTS Interpreter)    # for tests that are scripts
if(NOT SYSTEM_PYTHON)
    message(FATAL_ERROR "The tests need Debian's python3 in /usr/bin; install it, or configure with -DBUILD_TESTING=OFF")
endif()

# Builds every test program of one label, so that `./dev test` compiles under a sanitizer only what it runs there.
foreach(label IN ITEMS unit contract integration client)
    add_custom_target(vserd_${label}_tests)
endforeach()

# vserd_test_environment(NAME LABELS label... [TIMEOUT seconds]): what every ctest entry of ours shares.
function(vserd_test_environment name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "LABELS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    set(environment
        "GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/results/${name}.xml"
        "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp:halt_on_error=1:second_deadlock_stack=1"
        "ASAN_OPTIONS=detect_stack_use_after_return=1"
        "UBSAN_OPTIONS=print_stacktrace=1"
        "ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-14"
        "VSERD_BUILD_DIR=${CMAKE_BINARY_DIR}")
    set_tests_properties(${name} PROPERTIES
        LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${environment}" SKIP_RETURN_CODE 77)
endfunction()

# vserd_test(NAME name SOURCES file... [LIBS target...] [LABELS label...] [TIMEOUT seconds])
# A GoogleTest program and one ctest entry for all of its cases.
function(vserd_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "SOURCES;LIBS;LABELS")
    add_executable(${arg_NAME} ${arg_SOURCES})
    set_target_properties(${arg_NAME} PROPERTIES UNITY_BUILD ${VSERD_UNITY} UNITY_BUILD_BATCH_SIZE 0)
    target_include_directories(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBS} GTest::gtest_main GTest::gmock vserd_warnings)
    add_test(NAME ${arg_NAME} COMMAND ${arg_NAME})
    vserd_test_environment(${arg_NAME} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT})
    foreach(label IN LISTS arg_LABELS)
        if(TARGET vserd_${label}_tests)
            add_dependencies(vserd_${label}_tests ${arg_NAME})
        endif()
    endforeach()
endfunction()

# vserd_script_test(NAME name COMMAND program argument... [LABELS label...] [TIMEOUT seconds])
# A test that is a script or a tool. Exit status 77 means skipped.
function(vserd_script_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "COMMAND;LABELS")
    add_test(NAME ${arg_NAME} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    vserd_test_environment(${arg_NAME} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT})
endfunction()

# vserd_pytest(NAME name PATHS path... [LABELS label...] [TIMEOUT seconds])
# Files or folders of pytest, with Debian's Python, our Python client and tests/support; each case counts, and one that
# hangs shows where.
function(vserd_pytest)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "PATHS;LABELS")
    vserd_script_test(NAME ${arg_NAME} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT}
        COMMAND ${SYSTEM_PYTHON} -B -m pytest -q -p no:cacheprovider -o faulthandler_timeout=90 -o junit_logging=system-err -o junit_log_passing_tests=false
                --junitxml=${CMAKE_BINARY_DIR}/results/${arg_NAME}.xml ${arg_PATHS})
    set_property(TEST ${arg_NAME} APPEND PROPERTY ENVIRONMENT
        PYTHONPATH=${VSER_PYTHON_DIR}:${PROJECT_SOURCE_DIR}/tests/support PYTHONDONTWRITEBYTECODE=1)
endfunction()
