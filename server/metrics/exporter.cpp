#include "metrics/exporter.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <prometheus/exposer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "io/holder.hpp"
#include "metrics/collector.hpp"

namespace vserd::metrics {
namespace {

/// A scrape is short, and there are few scrapers. A peer that says nothing holds one of them this long.
constexpr const char* http_threads = "2";
constexpr const char* http_request_timeout_ms = "5000";

struct HostPort {
    std::string host;
    std::string port;
};

HostPort split(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string::npos) return {};
    std::string host = address.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    return {std::move(host), address.substr(colon + 1)};
}

/// The web server says only that it failed: bind again to hear why. Returns an errno, or 0 if that worked.
int bind_error(const addrinfo& target) {
    const int fd = ::socket(target.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool bound = ::bind(fd, target.ai_addr, target.ai_addrlen) == 0 && ::listen(fd, 1) == 0;
    const int error = bound ? 0 : errno;
    ::close(fd);
    return error;
}

std::string advice(int error, const sockaddr& where) {
    switch (error) {
        case EADDRINUSE: {
            const std::string holder = io::listener_at(where);
            return "; " + (holder.empty() ? "another process" : holder) +
                   " listens there: stop it, or set another 'metrics' address";
        }
        case EADDRNOTAVAIL: return "; this machine has no such address";
        case EACCES: return "; ports below 1024 need CAP_NET_BIND_SERVICE";
        default: return {};
    }
}

Error cannot_listen(const std::string& address, const std::string& why) {
    const std::string what = "metrics cannot be served on '" + address + "': ";
    const HostPort parts = split(address);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found) != 0) {
        return {Failure::io, EINVAL, "metrics", what + "write \"HOST:PORT\" with a numeric host such as 127.0.0.1"};
    }
    const int error = bind_error(*found);
    const std::string help = error != 0 ? std::strerror(error) + advice(error, *found->ai_addr) : why;
    const bool ipv6 = found->ai_family == AF_INET6;
    ::freeaddrinfo(found);
    if (error == 0 && ipv6) {
        return {Failure::io, EAFNOSUPPORT, "metrics",
                what + "the HTTP library serves IPv4 only; write an IPv4 address"};
    }
    return {Failure::io, error, "metrics", what + help};
}

/// The web server takes numbers only.
std::string numeric(const std::string& address) {
    const std::string name = "localhost:";
    return address.starts_with(name) ? "127.0.0.1:" + address.substr(name.size()) : address;
}

/// While it lives, connects to a TCP port of this machine again and again. The web server's accept loop looks at its
/// stop flag only when it wakes up, every two seconds or at a connection.
class Knocker {
public:
    explicit Knocker(int port) : thread_([this, port] { run(port); }) {}
    ~Knocker() {
        {
            const std::lock_guard lock(mutex_);
            done_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    Knocker(const Knocker&) = delete;
    Knocker& operator=(const Knocker&) = delete;

private:
    static constexpr std::chrono::milliseconds interval{5};

    void run(int port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, interval, [this] { return done_; })) {
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            if (fd < 0) continue;
            // Whether it is taken does not matter.
            (void)::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
            ::close(fd);
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    bool done_ = false;
    std::thread thread_;
};

}  // namespace

class Exporter::Impl {
public:
    Impl(const std::string& address, Sources sources)
        : collector_(std::make_shared<Collector>(std::move(sources))),
          exposer_(std::make_unique<prometheus::Exposer>(
              std::vector<std::string>{"listening_ports", address, "num_threads", http_threads, "request_timeout_ms",
                                       http_request_timeout_ms})) {
        exposer_->RegisterCollectable(collector_);
    }

    ~Impl() {
        const Knocker knocker(port());
        exposer_.reset();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    int port() const {
        const std::vector<int> ports = exposer_->GetListeningPorts();
        return ports.empty() ? 0 : ports.front();
    }

private:
    std::shared_ptr<Collector> collector_;  // shared because the exposer keeps a weak reference
    std::unique_ptr<prometheus::Exposer> exposer_;
};

Result<std::unique_ptr<Exporter>> Exporter::start(const std::string& address, Sources sources) {
    const std::string target = numeric(address);
    try {
        return std::unique_ptr<Exporter>(new Exporter(std::make_unique<Impl>(target, std::move(sources))));
    } catch (const std::exception& error) {
        return cannot_listen(target, error.what());
    }
}

Exporter::Exporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Exporter::~Exporter() = default;

int Exporter::port() const noexcept { return impl_->port(); }

}  // namespace vserd::metrics
