# Third parties, all from Debian 12 (tools/packages-build.txt). A directory links only those that belong to its layer.

set(Boost_NO_WARN_NEW_VERSIONS ON)
find_package(Boost 1.81 REQUIRED CONFIG)                  # Boost::headers: Asio and system, header-only
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)                        # OpenSSL::Crypto, with which gRPC is built
find_package(Protobuf 3.21 REQUIRED)                      # protobuf::libprotobuf, protobuf::protoc
find_package(prometheus-cpp REQUIRED CONFIG)              # prometheus-cpp::core
find_package(tomlplusplus 3.3 REQUIRED CONFIG)            # tomlplusplus::tomlplusplus
find_package(fmt 9.1 REQUIRED CONFIG)                     # fmt::fmt, with which spdlog is built
find_package(spdlog 1.10 REQUIRED CONFIG)                 # spdlog::spdlog
find_package(CLI11 2.1 REQUIRED CONFIG)                   # CLI11::CLI11
# Debian's own Python, which sees Debian's packages; the one in PATH may be another. It makes manuals and the Python client.
find_program(SYSTEM_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(uring REQUIRED IMPORTED_TARGET liburing>=2.3)
pkg_check_modules(regex REQUIRED IMPORTED_TARGET re2)        # which gRPC loads too; its config owns the name re2
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(cjose REQUIRED IMPORTED_TARGET cjose)      # and jansson, whose values it takes
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd>=1.5)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)

# Not by pkg-config: it needs 3 s for each question about gRPC and its forty abseil libraries.
find_package(gRPC 1.51 REQUIRED CONFIG)                   # gRPC::grpc++
find_package(absl REQUIRED CONFIG)                        # absl::synchronization
# libgrpc++_error_details stays out: vserd_proto has its messages.
add_library(vserd_grpc INTERFACE)
target_link_libraries(vserd_grpc INTERFACE
    gRPC::grpc++ gRPC::gpr absl::synchronization protobuf::libprotobuf Threads::Threads)
