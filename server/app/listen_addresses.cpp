#include "app/listen_addresses.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace vserd {
namespace {

const char* const runtime_directory = "/run/vserd";
const char* const default_socket = "unix:/run/vserd/vserd.sock";

}  // namespace

std::vector<std::string> listen_addresses(const config::Config& config) {
    std::vector<std::string> addresses = config.listen;
    struct stat status {};
    if (!config.listen_is_default) return addresses;
    if (::stat(runtime_directory, &status) == 0 && S_ISDIR(status.st_mode) && ::access(runtime_directory, W_OK) == 0) {
        addresses.emplace_back(default_socket);
    }
    return addresses;
}

}  // namespace vserd
