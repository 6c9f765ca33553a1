#include "harness/session.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "harness/conserver.hpp"
#include "vser_client.hpp"

namespace vserd::bench {
namespace {

class FdSession : public Session {
public:
    explicit FdSession(base::Fd fd) : fd_(std::move(fd)) {}

    void write(std::span<const std::byte> bytes) override {
        while (!bytes.empty() && !cancelled_.load(std::memory_order_relaxed)) {
            const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
            if (put <= 0) return;
            bytes = bytes.subspan(static_cast<std::size_t>(put));
        }
    }

    std::size_t read(std::span<std::byte> space) override {
        const ssize_t got = ::read(fd_.get(), space.data(), space.size());
        return got > 0 ? static_cast<std::size_t>(got) : 0;
    }

    void cancel() override {
        cancelled_.store(true);
        ::shutdown(fd_.get(), SHUT_RDWR);
    }

private:
    base::Fd fd_;
    std::atomic<bool> cancelled_{false};
};

class ConserverSession : public Session {
public:
    explicit ConserverSession(base::Fd fd) : plain_(std::move(fd)) {}

    void write(std::span<const std::byte> bytes) override {
        conserver::quote(bytes, quoted_);
        plain_.write(quoted_);
    }

    std::size_t read(std::span<std::byte> space) override {
        while (const std::size_t got = plain_.read(space)) {
            if (const auto bytes = unquote_.take(space.first(got)); !bytes.empty()) return bytes.size();
        }
        return 0;
    }

    void cancel() override { plain_.cancel(); }

private:
    FdSession plain_;
    std::vector<std::byte> quoted_;
    conserver::Unquote unquote_;
};

class LibrarySession : public Session {
public:
    LibrarySession(const std::string& address, const std::string& port, const vser::client::ConnectOptions& options)
        : client_(connect(address, options)), console_(attach(port)) {}

    void write(std::span<const std::byte> bytes) override {
        (void)console_.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }

    std::size_t read(std::span<std::byte> space) override {
        while (rest_.empty()) {
            auto item = console_.next();
            if (!item) return 0;
            if (auto* data = std::get_if<vser::client::Data>(&*item)) rest_ = std::move(data->bytes);
        }
        const std::size_t size = std::min(space.size(), rest_.size());
        std::memcpy(space.data(), rest_.data(), size);
        rest_.erase(0, size);
        return size;
    }

    void cancel() override { console_.close(); }

private:
    static vser::client::Client connect(const std::string& address, const vser::client::ConnectOptions& options) {
        auto client = vser::client::Client::connect(address, options);
        if (!client) throw std::runtime_error("client library: " + client.error().message);
        return std::move(client).value();
    }

    vser::client::Console attach(const std::string& port) const {
        auto console = client_.attach(port);
        if (!console) throw std::runtime_error("client library: " + console.error().message);
        return std::move(console).value();
    }

    vser::client::Client client_;
    vser::client::Console console_;
    std::string rest_;  ///< of a message larger than the reader's space
};

}  // namespace

std::unique_ptr<Session> direct_session(const Line& line) {
    return std::make_unique<FdSession>(base::Fd(::open(line.path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC)));
}

std::unique_ptr<Session> tcp_session(base::Fd fd) { return std::make_unique<FdSession>(std::move(fd)); }

std::unique_ptr<Session> conserver_session(base::Fd fd) {
    conserver::move_escape(fd.get());
    return std::make_unique<ConserverSession>(std::move(fd));
}

std::unique_ptr<Session> library_session(const std::string& address, const std::string& port,
                                         const vser::client::ConnectOptions& options) {
    return std::make_unique<LibrarySession>(address, port, options);
}

std::unique_ptr<Session> open_session(const std::string& contender, const Bridge& bridge) {
    if (contender == "vserd-library" || has_tls(bridge.face())) {
        return library_session(bridge.address(), "p0", bridge.connect_options());
    }
    if (bridge.face() == Face::vserd) return raw_session(bridge.address(), "p0");
    base::Fd fd = bridge.connect(0);
    return bridge.face() == Face::conserver ? conserver_session(std::move(fd)) : tcp_session(std::move(fd));
}

}  // namespace vserd::bench
