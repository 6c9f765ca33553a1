#include "rpc/port_service.hpp"

#include "rpc/convert.hpp"
#include "rpc/deadline.hpp"
#include "rpc/unary_call.hpp"

namespace vserd::rpc {
namespace {

/// A call that reads the settings in force. Reads them from the device, because another program may have changed them.
UnaryCall::PortWork look_first(UnaryCall::PortWork work) {
    return [work = std::move(work)](UnaryCall& call, hub::PortHandle& port) {
        port.look([work, &call, &port, name = port->name()] {
            port ? work(call, port) : call.fail(port_removed(name), {.port = name});
        });
    };
}

/// Starts a change of settings, and passes the settings in force afterwards to `answer`.
template <class Answer>
void change_settings(UnaryCall& call, hub::PortHandle& port, const line::SettingsChange& change,
                     const port::Deadline& deadline, Answer answer) {
    call.when_cancelled([deadline] { deadline.cancel(); });
    port.change_settings(change, deadline, [&call, answer](const Result<line::Settings>& settings) {
        if (!settings) return call.fail(settings.error());
        answer(*settings);
        call.succeed();
    });
}

/// The reply to both signal calls.
template <class Response>
port::Reply<line::Signals> signals_reply(UnaryCall& call, Response* response) {
    return [&call, response](const Result<line::Signals>& signals) {
        if (!signals) return call.fail(signals.error());
        to_proto(*signals, *response->mutable_signals());
        call.succeed();
    };
}

}  // namespace

grpc::ServerUnaryReactor* PortService::ListPorts(Context* context, const v1::ListPortsRequest* request,
                                                 v1::ListPortsResponse* response) {
    return UnaryCall::start(environment_, {context, request}, Method::list_ports, [response](UnaryCall& call) {
        const Environment& environment = call.environment();
        call.session().for_each_port([&](const hub::Channel& channel) {
            to_proto(channel, call.session().role(channel.name()), *response->add_ports());
        });
        // Counted until the client has received it: the message, its encoded form, and gRPC's copy.
        if (!call.hold_bytes(response->SpaceUsedLong() + 2 * response->ByteSizeLong())) {
            response->Clear();
            return call.fail(environment.admission.memory_refusal());
        }
        call.succeed();
    });
}

grpc::ServerUnaryReactor* PortService::GetPort(Context* context, const v1::GetPortRequest* request,
                                               v1::GetPortResponse* response) {
    return UnaryCall::start(environment_, {context, request}, Method::get_port, request->port(),
                            [response](UnaryCall& call, hub::PortHandle& port) {
                                to_proto(*port, port.role(), *response->mutable_port());
                                call.succeed();
                            });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* PortService::WatchPorts(Context* context, const grpc::ByteBuffer* request) {
    return watchers_.start(*context, *request);
}

grpc::ServerUnaryReactor* PortService::GetBaud(Context* context, const v1::GetBaudRequest* request,
                                               v1::GetBaudResponse* response) {
    return UnaryCall::start(environment_, {context, request}, Method::get_baud, request->port(),
                            look_first([response](UnaryCall& call, hub::PortHandle& port) {
                                response->set_baud(port->port().settings().baud);
                                call.succeed();
                            }));
}

grpc::ServerUnaryReactor* PortService::SetBaud(Context* context, const v1::SetBaudRequest* request,
                                               v1::SetBaudResponse* response) {
    return UnaryCall::start(environment_, {context, request}, Method::set_baud, request->port(),
                            [=](UnaryCall& call, hub::PortHandle& port) {
                                port.present(request->lease());
                                line::SettingsChange change;
                                change.baud = request->baud();
                                change_settings(
                                    call, port, change, answer_by(context->deadline()),
                                    [response](const line::Settings& settings) { response->set_baud(settings.baud); });
                            });
}

grpc::ServerUnaryReactor* PortService::GetFormat(Context* context, const v1::GetFormatRequest* request,
                                                 v1::GetFormatResponse* response) {
    return UnaryCall::start(environment_, {context, request}, Method::get_format, request->port(),
                            look_first([response](UnaryCall& call, hub::PortHandle& port) {
                                to_proto(port->port().settings().format, *response->mutable_format());
                                call.succeed();
                            }));
}

grpc::ServerUnaryReactor* PortService::SetFormat(Context* context, const v1::SetFormatRequest* request,
                                                 v1::SetFormatResponse* response) {
    return UnaryCall::start(
        environment_, {context, request}, Method::set_format, request->port(),
        [=](UnaryCall& call, hub::PortHandle& port) {
            port.present(request->lease());
            if (!request->has_format()) {
                return call.fail(invalid_field("format", "format is missing; give what is to change in it"));
            }
            const auto change = settings_change(request->format());
            if (!change) return call.fail(change.error());
            change_settings(
                call, port, *change, answer_by(context->deadline()),
                [response](const line::Settings& settings) { to_proto(settings.format, *response->mutable_format()); });
        });
}

grpc::ServerUnaryReactor* PortService::GetSignals(Context* context, const v1::GetSignalsRequest* request,
                                                  v1::GetSignalsResponse* response) {
    return UnaryCall::start(
        environment_, {context, request}, Method::get_signals, request->port(),
        [response](UnaryCall& call, hub::PortHandle& port) { port.read_modem_lines(signals_reply(call, response)); });
}

grpc::ServerUnaryReactor* PortService::SetSignals(Context* context, const v1::SetSignalsRequest* request,
                                                  v1::SetSignalsResponse* response) {
    return UnaryCall::start(
        environment_, {context, request}, Method::set_signals, request->port(),
        [=](UnaryCall& call, hub::PortHandle& port) {
            port.present(request->lease());
            line::SignalChange change;
            if (request->has_dtr()) change.dtr = request->dtr();
            if (request->has_rts()) change.rts = request->rts();
            if (!change.dtr && !change.rts) {
                return call.fail(invalid_field("dtr", "neither dtr nor rts is given; give one or both"));
            }
            port.set_modem_lines(change, signals_reply(call, response));
        });
}

grpc::ServerUnaryReactor* PortService::SendBreak(Context* context, const v1::SendBreakRequest* request,
                                                 v1::SendBreakResponse* /*response*/) {
    return UnaryCall::start(environment_, {context, request}, Method::send_break, request->port(),
                            [=](UnaryCall& call, hub::PortHandle& port) {
                                port.present(request->lease());
                                const auto duration = break_duration(request->has_duration(), request->duration());
                                if (!duration) return call.fail(duration.error());
                                const port::Deadline deadline = answer_by(context->deadline());
                                call.when_cancelled([deadline] { deadline.cancel(); });
                                port.send_break(*duration, deadline, [&call](const Result<void>& result) {
                                    if (!result) return call.fail(result.error());
                                    call.succeed();
                                });
                            });
}

grpc::ServerUnaryReactor* PortService::Flush(Context* context, const v1::FlushRequest* request,
                                             v1::FlushResponse* response) {
    const auto flush = [=](UnaryCall& call, hub::PortHandle& port) {
        port.present(request->lease());
        const auto direction = flush_direction(request->direction());
        if (!direction) return call.fail(direction.error());
        const auto reply = [&call, response](const Result<std::uint64_t>& discarded) {
            if (!discarded) return call.fail(discarded.error());
            response->set_output_bytes_discarded(*discarded);
            call.succeed();
        };
        port.flush(*direction, reply);
    };
    return UnaryCall::start(environment_, {context, request}, Method::flush, request->port(), flush);
}

grpc::ServerWriteReactor<v1::YieldResponse>* PortService::Yield(Context* context, const v1::YieldRequest* request) {
    return yields_.start(*context, *request);
}

}  // namespace vserd::rpc
