#include "rpc/admin_service.hpp"

#include "rpc/unary_call.hpp"

namespace vserd::rpc {

grpc::ServerUnaryReactor* AdminService::GetServerInfo(grpc::CallbackServerContext* context,
                                                      const ::vser::v1::GetServerInfoRequest* request,
                                                      ::vser::v1::GetServerInfoResponse* response) {
    return UnaryCall::start(environment_, {context, request}, Method::get_server_info, [response](UnaryCall& call) {
        if (const auto known = call.session().check_known(); !known) return call.fail(known.error());
        const Environment& environment = call.environment();
        response->set_version(environment.info.version);
        response->set_engine(environment.info.engine);
        for (const auto& [engine, reason] : environment.info.engines_refused) {
            auto* refusal = response->add_refusals();
            refusal->set_engine(engine);
            refusal->set_reason(reason);
        }
        const auto uptime = std::chrono::steady_clock::now() - environment.started;
        const auto seconds = std::chrono::floor<std::chrono::seconds>(uptime);
        response->mutable_uptime()->set_seconds(seconds.count());
        response->mutable_uptime()->set_nanos(
            static_cast<std::int32_t>((uptime - seconds) / std::chrono::nanoseconds{1}));
        std::uint32_t up = 0;
        std::uint32_t total = 0;
        std::uint32_t readers = 0;
        call.session().for_each_port([&](const hub::Channel& channel) {
            if (channel.port().state() == port::PortState::online) ++up;
            ++total;
            readers += channel.readers();
        });
        response->set_ports_up(up);
        response->set_ports_total(total);
        response->set_readers(readers);
        call.succeed();
    });
}

}  // namespace vserd::rpc
