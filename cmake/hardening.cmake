# What a build for users adds to CMake's own flags: the hardening that Debian's packages have, and assertions.

# An invariant that does not hold must stop a release too: the alternative is wrong bytes.
foreach(type IN ITEMS RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_${type} "${CMAKE_CXX_FLAGS_${type}}")
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

# Fortification needs optimisation, and sanitizers have checks of their own.
if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR VSERD_SANITIZE)
    return()
endif()
add_compile_definitions(_FORTIFY_SOURCE=2)
add_compile_options(-fPIE -fstack-protector-strong -fstack-clash-protection -Wformat -Werror=format-security)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_compile_options(-fcf-protection)
endif()
add_link_options(-fPIE -pie -Wl,-z,relro -Wl,-z,now)
