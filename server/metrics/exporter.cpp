#include "metrics/exporter.hpp"

#include <fmt/core.h>

#include <prometheus/text_serializer.h>

#include <charconv>
#include <optional>
#include <utility>

#include "metrics/collector.hpp"
#include "metrics/http_server.hpp"

namespace vserd::metrics {
namespace {

int port_of(const std::string& address) {
    int port = 0;
    const std::size_t colon = address.rfind(':') + 1;
    std::from_chars(address.data() + colon, address.data() + address.size(), port);
    return port;
}

}  // namespace

class Exporter::Impl {
public:
    Impl(std::string address, int port, Sources sources)
        : addresses_{std::move(address)}, port_(port), collector_(std::move(sources)) {}
    void serve(std::vector<net::ListenSocket> sockets, std::optional<net::TlsContext> tls) {
        server_.emplace(std::move(sockets), std::move(tls), [this] { return render(); });
    }

    int port() const noexcept { return port_; }
    const std::vector<std::string>& addresses() const noexcept { return addresses_; }
    std::vector<net::Refused> refused() const {
        if (!server_) return {};
        return {{"connections_max", server_->evicted()}, {"tls", server_->without_tls()}};
    }
    std::string render() const { return serializer_.Serialize(collector_.collect(refused())); }
    void stop() {
        if (server_) server_->stop();
    }

private:
    const std::vector<std::string> addresses_;
    const int port_;
    const Collector collector_;
    const prometheus::TextSerializer serializer_;
    std::optional<HttpServer> server_;  // last: its thread uses the others
};

Result<std::unique_ptr<Exporter>> Exporter::start(const std::string& address, Sources sources, bool tls) {
    auto sockets = net::ListenSocket::open(address, "metrics");
    if (!sockets) return sockets.error();
    const std::string host = address.substr(0, address.rfind(':'));
    const std::string url =
        fmt::format("{}://{}:{}/metrics", tls ? "https" : "http", host, port_of(sockets->front().address()));
    std::optional<net::TlsContext> context;
    if (tls) context.emplace(sources.certificates);
    auto impl = std::make_unique<Impl>(url, port_of(sockets->front().address()), std::move(sources));
    impl->serve(std::move(*sockets), std::move(context));
    return std::unique_ptr<Exporter>(new Exporter(std::move(impl)));
}

std::unique_ptr<Exporter> Exporter::start_shared(std::string url, Sources sources) {
    return std::unique_ptr<Exporter>(new Exporter(std::make_unique<Impl>(std::move(url), 0, std::move(sources))));
}

Exporter::Exporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Exporter::~Exporter() = default;

std::string Exporter::render() const { return impl_->render(); }
int Exporter::port() const noexcept { return impl_->port(); }
const std::vector<std::string>& Exporter::addresses() const noexcept { return impl_->addresses(); }
std::vector<net::Refused> Exporter::refused() const { return impl_->refused(); }

void Exporter::stop(std::chrono::milliseconds /*grace*/, std::function<void()> done) {
    impl_->stop();
    done();
}

}  // namespace vserd::metrics
