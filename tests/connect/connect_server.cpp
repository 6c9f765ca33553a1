// The server under test of connectconformance: reads what is wanted from stdin, tells its port on stdout, and serves until it is
// ended. The web face is vserd's, with another service behind it.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "connect/conformance_calls.hpp"
#include "connect/relay.hpp"
#include "connectrpc/conformance/v1/server_compat.pb.h"
#include "hub/hub.hpp"
#include "io/engine_select.hpp"
#include "io/loop.hpp"
#include "net/admission.hpp"
#include "web/server.hpp"

using namespace vserd;
namespace v1 = connectrpc::conformance::v1;

namespace {

constexpr std::uint64_t memory_max = std::uint64_t{256} << 20;

[[noreturn]] void fail(const std::string& why) {
    fmt::print(stderr, "connect_server: {}\n", why);
    std::exit(1);
}

std::string read_exactly(std::size_t size) {
    std::string text(size, '\0');
    if (std::fread(text.data(), 1, size, stdin) != size) fail("stdin ended too early");
    return text;
}

/// Each message has its size before it, in four bytes, the highest first.
v1::ServerCompatRequest read_request() {
    std::uint32_t size = 0;
    std::memcpy(&size, read_exactly(sizeof size).data(), sizeof size);
    v1::ServerCompatRequest request;
    if (!request.ParseFromString(read_exactly(ntohl(size)))) fail("stdin has no ServerCompatRequest");
    return request;
}

void write_response(const v1::ServerCompatResponse& response) {
    const std::string text = response.SerializeAsString();
    const std::uint32_t size = htonl(static_cast<std::uint32_t>(text.size()));
    std::fwrite(&size, sizeof size, 1, stdout);
    std::fwrite(text.data(), text.size(), 1, stdout);
    std::fflush(stdout);
}

std::uint16_t port_in(const std::string& url) {
    return static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
}

/// Passes calls on to those that are known only when the server, and so the relay, has its port.
class LateCalls final : public hub::Calls {
public:
    void set(hub::Calls& calls) { calls_ = &calls; }
    std::unique_ptr<Call> start(Request request, Shape shape, Handlers handlers) override {
        return calls_->start(std::move(request), shape, std::move(handlers));
    }

private:
    hub::Calls* calls_ = nullptr;
};

}  // namespace

int main() {
    const v1::ServerCompatRequest request = read_request();
    if (request.use_tls()) fail("TLS is not offered");
    auto choice = io::select_engine("epoll");
    if (!choice) fail(choice.error().message);
    io::Loop loop(std::move(choice->engine));
    hub::Hub hub(loop);
    net::Admission admission(memory_max);
    LateCalls calls;
    auto server =
        web::Server::start(hub, calls, admission, {.listen = {"127.0.0.1:0"}, .package = "connectrpc.conformance.v1"});
    if (!server) fail(server.error().message);
    test::Relay relay(port_in((*server)->addresses().front()));
    test::ConformanceCalls service(relay);
    calls.set(service);
    v1::ServerCompatResponse response;
    response.set_host("127.0.0.1");
    response.set_port(relay.port());
    write_response(response);
    ::pause();  // until SIGTERM
}
