// Listen addresses: the configuration and the server mean the same by them, and what is taken can be listened on.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/address.hpp"
#include "fuzz/fuzz.hpp"
#include "net/listen_socket.hpp"

using namespace vserd;

namespace {

/// A folder of this process, which goes with it.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "vserd-fuzz-XXXXXX").string();
        if (::mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

void require_listens(const std::string& address) {
    const auto sockets = net::ListenSocket::open(address);
    if (!sockets) {
        require(sockets.error().subject == "listen", "an error names the field");
        require(sockets.error().message.find(address) != std::string::npos, "and the address");
        return;
    }
    require(!sockets->empty(), "who listens has a socket");
    for (const auto& socket : *sockets) {
        const auto again = base::parse_address(socket.address());
        require(again.has_value(), "the address that is listened on is one");
        require(again->local && net::is_local(socket.address()), "and as local as it was");
        auto adopted = net::ListenSocket::adopt(::dup(socket.fd()));
        require(adopted.has_value(), "what listens can be inherited");
        require(base::parse_address(adopted->address()).has_value(), "and its address read back");
    }
}

bool is_numeric(const std::string& host) { return host.find_first_not_of("0123456789.") == std::string::npos; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Folder folder;
    const std::string text(Input(data, size).rest());
    const auto address = base::parse_address(text);
    if (!address) {
        require(address.error().message.find(text) != std::string::npos || text.starts_with("unix:"),
                "an error quotes it");
        require(address.error().message.size() > 10, "and says what would be right");
        return 0;
    }
    require(address->unix_socket == net::is_unix(text), "both see a Unix socket");
    require(address->local == net::is_local(text), "both see who can reach it");
    if (address->unix_socket) {
        const std::string name = std::filesystem::path(address->host).filename().string();
        if (name.empty() || name == "." || name == "..") return 0;
        require_listens("unix:" + (folder.path() / name.substr(0, 60)).string());
    } else if (address->local && is_numeric(address->host)) {
        require_listens(address->host + ":0");
    }
    return 0;
}
