#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::net {

/// Whether only programs on this machine can reach the address: "127.0.0.1:50051", "[::1]:0", "localhost:50051",
/// "unix:/PATH". A name that would have to be resolved counts as remote.
bool is_local(std::string_view address);
/// Whether the address is a Unix socket's ("unix:/PATH").
bool is_unix(std::string_view address);

/// A socket that listens, non-blocking. A Unix socket's file goes with it.
class ListenSocket {
public:
    /// A name may stand for several addresses, each of which gets a socket; port 0 picks a free one, the same for all.
    /// `key` is the key of `table` that holds the address: failures have it as their subject, and name the address and what
    /// to do. The file of a Unix socket is replaced only where a connection is refused (ECONNREFUSED).
    static Result<std::vector<ListenSocket>> open(const std::string& address, const std::string& key = "listen",
                                                  const std::string& table = "[server]");

    /// One that listens already, from who started us. Its file stays when it goes. A failure names the descriptor.
    static Result<ListenSocket> adopt(int fd);

    ListenSocket(ListenSocket&&) noexcept = default;
    ListenSocket& operator=(ListenSocket&&) = delete;
    ~ListenSocket();

    int fd() const noexcept { return fd_.get(); }
    /// As given, with the port that was picked; of an adopted one, as the system says it.
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

/// Whether open() could use the address, without binding it: the host name resolves, and no file is in a socket's place.
Result<void> check_address(const std::string& address, const std::string& key = "listen",
                           const std::string& table = "[server]");

}  // namespace vserd::net
