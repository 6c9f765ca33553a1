#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::net {

/// Whether only programs on this machine can reach the address: "127.0.0.1:50051", "[::1]:0", "localhost:50051",
/// "unix:/PATH". Any other host name counts as remote.
bool is_local(std::string_view address);
/// Whether the address names a Unix socket ("unix:/PATH").
bool is_unix(std::string_view address);
/// The socket address in the syntax of the configuration ("127.0.0.1:7001", "unix:/PATH"); empty if it has none.
std::string address_of(const sockaddr_storage& name, socklen_t size);

/// Whether accept() failed because descriptors or memory have run out. Otherwise no connection waits, or it was closed while
/// it waited.
bool is_accept_short(int errno_value);

/// A non-blocking listening socket. The destructor removes the file of a Unix socket, unless the socket was adopted.
class ListenSocket {
public:
    /// Opens a socket for each address that the host name resolves to. Port 0 chooses a free port, the same for all of them.
    /// `key` is the key of `table` that has the address. Errors have it as their subject, and name the address and the fix. An
    /// existing file of a Unix socket is replaced only if connecting to it fails with ECONNREFUSED.
    static Result<std::vector<ListenSocket>> open(const std::string& address, const std::string& key = "listen",
                                                  const std::string& table = "[server]");

    /// Takes over a listening socket from the process that started this one, such as systemd. Errors name the descriptor.
    static Result<ListenSocket> adopt(int fd);

    ListenSocket(ListenSocket&&) noexcept = default;
    ListenSocket& operator=(ListenSocket&&) = delete;
    ~ListenSocket();

    int fd() const noexcept { return fd_.get(); }
    /// As configured, with the real port in place of port 0; for an adopted socket, as the kernel reports it.
    const std::string& address() const noexcept { return address_; }

private:
    ListenSocket(base::Fd fd, std::string address, std::string file)
        : fd_(std::move(fd)), address_(std::move(address)), file_(std::move(file)) {}
    static Result<ListenSocket> open_unix(const std::string& address, const std::string& key, const std::string& table);

    base::Fd fd_;
    std::string address_;
    std::string file_;  ///< of a Unix socket; empty otherwise
    ino_t inode_ = 0;   ///< of that file
};

/// Checks an address without binding it: the host name resolves, and the path of a Unix socket is not another kind of file.
Result<void> check_address(const std::string& address, const std::string& key = "listen",
                           const std::string& table = "[server]");

}  // namespace vserd::net
