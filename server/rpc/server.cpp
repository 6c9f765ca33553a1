#include "rpc/server.hpp"

#include <absl/synchronization/mutex.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <list>
#include <thread>
#include <utility>

#include "base/thread.hpp"
#include "net/acceptor.hpp"
#include "rpc/admin_service.hpp"
#include "rpc/attach_stream.hpp"
#include "rpc/channelz.hpp"
#include "rpc/collect_stream.hpp"
#include "rpc/completion_thread.hpp"
#include "rpc/console_service.hpp"
#include "rpc/fleet_service.hpp"
#include "rpc/health.hpp"
#include "rpc/lease_service.hpp"
#include "rpc/local_calls.hpp"
#include "rpc/port_service.hpp"
#include "rpc/read_stream.hpp"
#include "rpc/reflection_service.hpp"
#include "rpc/session_service.hpp"
#include "rpc/spare_pollers.hpp"
#include "rpc/stream_host.hpp"
#include "rpc/tls_credentials.hpp"
#include "rpc/unix_peers.hpp"
#include "search/worker.hpp"

namespace vserd::rpc {
namespace {

/// A payload of request_payload_bytes_max, with room for the rest of its message.
constexpr int receive_message_bytes_max = static_cast<int>(request_payload_bytes_max) + 4096;
constexpr int concurrent_streams_per_connection_max = 1024;
/// A client that vanished without a word is noticed in a minute.
constexpr int keepalive_interval_ms = 45'000;
constexpr int keepalive_timeout_ms = 15'000;
/// Clients may ping as often as this; a console over a flaky link wants to know soon.
constexpr int client_ping_interval_min_ms = 5'000;
constexpr int handshake_timeout_ms = 10'000;
/// Bytes that a client may send on one stream before vserd reads them. Bounds memory.
constexpr int stream_window_bytes = 64 * 1024;
/// Bytes read from a connection before gRPC continues with the others.
constexpr int read_chunk_bytes = 8 * 1024;
/// Calls of each kind of stream that gRPC may deliver before vserd requests more. Each costs 4 kB while it waits. A burst of more
/// waits inside gRPC instead of in the completion queue; the queue's thread takes them one by one either way.
constexpr int calls_awaited = 16;

void set_limits(grpc::ServerBuilder& builder) {
    builder.SetMaxReceiveMessageSize(receive_message_bytes_max);
    builder.SetMaxSendMessageSize(-1);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, concurrent_streams_per_connection_max);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_interval_ms);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive_timeout_ms);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, client_ping_interval_min_ms);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, handshake_timeout_ms);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, stream_window_bytes);
    builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, read_chunk_bytes);
    builder.AddChannelArgument(GRPC_ARG_TCP_MIN_READ_CHUNK_SIZE, 256);
    builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, read_chunk_bytes);
}

}  // namespace

class Server::Impl {
public:
    Impl(hub::Hub& hub, ServerOptions options)
        : options_(std::move(options)),
          admission_(options_.memory_max),
          session_(hub, {.identity = access::internal_identity()}),
          environment_{hub,        session_,      session_.loop(),
                       counters_,  options_.info, std::chrono::steady_clock::now(),
                       admission_, search_,       passes_} {}

    ~Impl() {
        if (stopper_.joinable()) stopper_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<void> start();
    void stop(std::chrono::milliseconds grace, std::function<void()> done);
    void announce_stop() { health_->shut_down(); }

    const std::vector<std::string>& addresses() const noexcept { return addresses_; }
    const RpcCounters& counters() const noexcept { return counters_; }
    hub::Calls& local_calls() noexcept { return *local_calls_; }
    net::Admission& admission() noexcept { return admission_; }
    std::vector<net::Refused> refused() const;

private:
    Result<std::vector<std::vector<net::ListenSocket>>> open_sockets();
    Result<std::vector<net::Acceptor::Listener>> listen(grpc::ServerBuilder& builder);
    void shut_down(std::chrono::milliseconds grace);
    std::shared_ptr<grpc::ServerCredentials> credentials_of(const std::string& address);

    /// Holds gRPC's library. Otherwise the last of its objects ends it on a thread of its own, which a process that exits
    /// meanwhile would run into.
    struct Library {
        Library() { ::grpc_init(); }
        ~Library() { ::grpc_shutdown_blocking(); }
        Library(const Library&) = delete;
        Library& operator=(const Library&) = delete;
    };

    Library library_;  ///< first, so that it ends last
    RpcCounters counters_;
    ServerOptions options_;
    net::Admission admission_;
    search::Worker search_;
    Passes passes_;
    hub::Session session_;  ///< the server's own
    Environment environment_;
    ConsoleService console_{environment_};
    PortService ports_{environment_};
    AdminService admin_{environment_};
    SessionService sessions_{environment_};
    LeaseService leases_{environment_};
    FleetService fleet_{environment_, options_.roster};
    ReflectionService reflection_{environment_};
    std::vector<std::string> addresses_;
    std::vector<std::shared_ptr<TlsCredentials>> credentials_;  ///< gRPC calls them as long as the server lives
    std::optional<UnixPeers> unix_peers_;                       ///< the thread that hands over
    std::unique_ptr<grpc::ServerCompletionQueue> queue_;
    std::optional<SparePollers> spare_pollers_;
    std::optional<StreamHost> host_;
    std::unique_ptr<grpc::Server> server_;
    std::optional<LocalCalls> local_calls_;
    std::optional<HealthReporter> health_;
    std::optional<CompletionThread> poller_;
    Channelz channelz_;  ///< the acceptor's thread
    std::optional<net::Acceptor> acceptor_;
    std::thread stopper_;
};

/// The sockets of each address: those of `listen` in its order, then other inherited ones.
Result<std::vector<std::vector<net::ListenSocket>>> Server::Impl::open_sockets() {
    std::list<net::ListenSocket> inherited;
    for (const int fd : std::exchange(options_.inherited, {})) {
        auto socket = net::ListenSocket::adopt(fd);
        if (!socket) return socket.error();
        inherited.push_back(std::move(*socket));
    }
    std::vector<std::vector<net::ListenSocket>> groups;
    for (const std::string& address : options_.listen) {
        const auto same = [&](const net::ListenSocket& socket) { return socket.address() == address; };
        if (const auto found = std::ranges::find_if(inherited, same); found != inherited.end()) {
            groups.emplace_back().push_back(std::move(*found));
            inherited.erase(found);
            continue;
        }
        auto sockets = net::ListenSocket::open(address);
        if (!sockets) return sockets.error();
        groups.push_back(std::move(*sockets));
    }
    for (net::ListenSocket& socket : inherited) groups.emplace_back().push_back(std::move(socket));
    return groups;
}

/// Opens the sockets, and prepares the server for the connections that will come from them.
Result<std::vector<net::Acceptor::Listener>> Server::Impl::listen(grpc::ServerBuilder& builder) {
    using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    auto groups = open_sockets();
    if (!groups) return groups.error();
    std::vector<net::Acceptor::Listener> listeners;
    unix_peers_.emplace(builder);
    for (auto& sockets : *groups) {
        const std::string& address = sockets.front().address();
        addresses_.push_back(address);
        const std::shared_ptr target =
            builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, credentials_of(address));
        const bool has_users = net::is_unix(address);
        for (net::ListenSocket& socket : sockets) {
            listeners.push_back({std::move(socket), [this, target, has_users](int listener, base::Fd connection) {
                                     if (has_users) {
                                         return unix_peers_->accept(listener, std::move(connection),
                                                                    session_.authority()->policy);
                                     }
                                     grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
                                     parameters.listener_fd = listener;
                                     parameters.fd = connection.release();
                                     target->HandleNewConnection(&parameters);
                                 }});
        }
    }
    return listeners;
}

std::shared_ptr<grpc::ServerCredentials> Server::Impl::credentials_of(const std::string& address) {
    if (options_.certificates == nullptr || net::is_unix(address)) return grpc::InsecureServerCredentials();
    credentials_.push_back(std::make_shared<TlsCredentials>(options_.certificates));
    return credentials_.back();
}

Result<void> Server::Impl::start() {
    // Debian builds abseil with its deadlock detector on, which costs on every lock that gRPC takes.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc::EnableDefaultHealthCheckService(true);

    grpc::ServerBuilder builder;
    set_limits(builder);
    auto listeners = listen(builder);
    if (!listeners) return listeners.error();
    builder.RegisterService(&ports_);
    builder.RegisterService(&console_);
    builder.RegisterService(&admin_);
    builder.RegisterService(&sessions_);
    builder.RegisterService(&leases_);
    builder.RegisterService(&fleet_);
    builder.RegisterService(&reflection_);
    queue_ = builder.AddCompletionQueue();
    spare_pollers_.emplace(builder);
    host_.emplace(environment_, console_, *queue_);
    server_ = builder.BuildAndStart();
    if (!server_) {
        queue_->Shutdown();
        void* tag = nullptr;
        bool ok = false;
        while (queue_->Next(&tag, &ok)) continue;
        return Error{Failure::io, 0, "listen", "the gRPC server did not start; see the log at level debug"};
    }
    grpc::ChannelArguments local;
    local.SetMaxReceiveMessageSize(-1);
    local_calls_.emplace(server_->InProcessChannel(local), passes_, environment_.loop);
    health_.emplace(environment_.session, *server_->GetHealthCheckService());
    // They own themselves, and each that gets a call makes the next.
    for (int i = 0; i < calls_awaited; ++i) {
        new AttachStream(*host_);
        new ReadStream(*host_);
        new CollectStream(*host_);
    }
    poller_.emplace(*queue_, environment_.loop);
    spare_pollers_->start();
    host_->set_poller(*poller_);
    const auto count_streams = [this](const std::string& peer) { return channelz_.streams(peer); };
    acceptor_.emplace(std::move(*listeners), admission_, count_streams, options_.warn);
    return {};
}

std::vector<net::Refused> Server::Impl::refused() const {
    std::vector<net::Refused> result{{"descriptors", acceptor_->refused()},
                                     {"address_abuse", acceptor_->refused_address()},
                                     {"unix_peers_max", unix_peers_->refused()}};
    std::ranges::copy(admission_.refused(), std::back_inserter(result));
    return result;
}

void Server::Impl::stop(std::chrono::milliseconds grace, std::function<void()> done) {
    local_calls_->close();
    health_->shut_down();
    host_->finish_all(going_down());
    ports_.finish_streams(going_down());
    fleet_.finish_streams(going_down());
    console_.finish_calls(going_down());
    // Waiting is not for the io thread, which has to end the streams meanwhile.
    auto stopper = base::start_thread([this, grace, done] {
        shut_down(grace);
        environment_.loop.post([this, done] {
            health_.reset();
            done();
        });
    });
    if (stopper) {
        stopper_ = std::move(*stopper);
        return;
    }
    // The process is about to end, and what a thread was to wait for ends with it.
    environment_.loop.post(done);
}

void Server::Impl::shut_down(std::chrono::milliseconds grace) {
    acceptor_->stop();
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    host_->wait_until_all_gone();
    queue_->Shutdown();
    poller_->join();
    spare_pollers_.reset();
}

hub::Calls& Server::local_calls() noexcept { return impl_->local_calls(); }
net::Admission& Server::admission() noexcept { return impl_->admission(); }
Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(hub::Hub& hub, ServerOptions options) {
    auto impl = std::make_unique<Impl>(hub, std::move(options));
    if (auto started = impl->start(); !started) return started.error();
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::vector<std::string>& Server::addresses() const noexcept { return impl_->addresses(); }
const RpcCounters& Server::counters() const noexcept { return impl_->counters(); }
std::vector<net::Refused> Server::refused() const { return impl_->refused(); }
void Server::announce_stop() { impl_->announce_stop(); }
void Server::stop(std::chrono::milliseconds grace, std::function<void()> done) { impl_->stop(grace, std::move(done)); }

namespace {

std::atomic<void (*)(GrpcSeverity, const char*)> grpc_log{nullptr};

GrpcSeverity severity_of(gpr_log_severity severity) {
    switch (severity) {
        case GPR_LOG_SEVERITY_DEBUG: return GrpcSeverity::debug;
        case GPR_LOG_SEVERITY_INFO: return GrpcSeverity::info;
        default: return GrpcSeverity::error;
    }
}

GrpcSeverity severity_of(google::protobuf::LogLevel level) {
    return level == google::protobuf::LOGLEVEL_INFO ? GrpcSeverity::info : GrpcSeverity::error;
}

}  // namespace

void route_grpc_log(void (*log)(GrpcSeverity severity, const char* message)) {
    grpc_log.store(log);
    gpr_set_log_function([](gpr_log_func_args* args) {
        if (const auto target = grpc_log.load()) target(severity_of(args->severity), args->message);
    });
    google::protobuf::SetLogHandler(
        [](google::protobuf::LogLevel level, const char* /*file*/, int /*line*/, const std::string& message) {
            if (const auto target = grpc_log.load()) target(severity_of(level), ("protobuf: " + message).c_str());
        });
}

}  // namespace vserd::rpc
