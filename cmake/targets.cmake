# How this project declares its libraries and programs: one call each, so that the flags are the same everywhere.

add_compile_definitions(VSERD_VERSION="${PROJECT_VERSION}")
add_link_options(-Wl,--as-needed,--gc-sections)
if(VSERD_SANITIZE)
    add_compile_options(-fsanitize=${VSERD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${VSERD_SANITIZE})
    if(VSERD_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # Asio fences its handlers; ThreadSanitizer does not follow fences, nor needs to: the queues have locks.
        add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan>)
    endif()
    if(VSERD_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        add_compile_definitions(__SANITIZE_ADDRESS__)  # as GCC has it
        add_compile_options(-fno-sanitize=function)  # GCC has none, and clang 14 cannot assemble it in a coroutine
    endif()
endif()

# Our own sources only: generated protos and third-party headers are SYSTEM and do not see these.
add_library(vserd_warnings INTERFACE)
# GCC 12 sees overlapping copies in optimised std::string concatenations that are none (its bug 105651).
target_compile_options(vserd_warnings INTERFACE
    -Wall -Wextra -Wconversion -Wshadow
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<AND:$<BOOL:${VSERD_WERROR}>,$<CXX_COMPILER_ID:GNU>>:-Werror>)  # GCC's warnings are the rule; clang has some more

# The interface of the kernel module, for the line that drives it and for its tests.
add_library(vser_uapi INTERFACE)
target_include_directories(vser_uapi INTERFACE ${PROJECT_SOURCE_DIR}/kmod)

# vserd_library(NAME SOURCES file... [PUBLIC target...] [PRIVATE target...])
# The static library vserd_NAME of the folder server/NAME. Includes are rooted at server/.
function(vserd_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
    add_library(vserd_${name} STATIC ${arg_SOURCES})
    set_target_properties(vserd_${name} PROPERTIES UNITY_BUILD ${VSERD_UNITY} UNITY_BUILD_BATCH_SIZE 0)
    target_include_directories(vserd_${name} PUBLIC ${PROJECT_SOURCE_DIR}/server)
    target_link_libraries(vserd_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} vserd_warnings)
endfunction()

# vserd_program(NAME SOURCES file... [LIBS target...])
function(vserd_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_LIBS} vserd_warnings)
endfunction()
