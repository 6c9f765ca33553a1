// Every method of a real server on any bytes: it lives on, and whatever it refuses it refuses in its own words.
//
// The first byte is the method. What follows is its request, and for Attach several, each after a byte that is its length.
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "hub/hub.hpp"
#include "io/engine_select.hpp"
#include "io/loop.hpp"
#include "rpc/server.hpp"
#include "rpc/wire.hpp"
#include "vser/v1/admin_service.pb.h"
#include "vser/v1/console_service.pb.h"
#include "vser/v1/port_service.pb.h"

using namespace vserd;
namespace v1 = vser::v1;

namespace {

using std::chrono::milliseconds;

/// Long enough for what is answered at all; a stream that follows a log ends by it.
constexpr milliseconds patience{40};

struct Method {
    const char* name;
    std::unique_ptr<google::protobuf::Message> (*make_request)();
};

template <class Message>
std::unique_ptr<google::protobuf::Message> make() {
    return std::make_unique<Message>();
}

constexpr std::array methods{
    Method{"/vser.v1.ConsoleService/Attach", &make<v1::AttachRequest>},
    Method{"/vser.v1.ConsoleService/Read", &make<v1::ReadRequest>},
    Method{"/vser.v1.ConsoleService/Write", &make<v1::WriteRequest>},
    Method{"/vser.v1.ConsoleService/Collect", &make<v1::CollectRequest>},
    Method{"/vser.v1.ConsoleService/WaitFor", &make<v1::WaitForRequest>},
    Method{"/vser.v1.PortService/ListPorts", &make<v1::ListPortsRequest>},
    Method{"/vser.v1.PortService/GetPort", &make<v1::GetPortRequest>},
    Method{"/vser.v1.PortService/WatchPorts", &make<v1::WatchPortsRequest>},
    Method{"/vser.v1.PortService/GetBaud", &make<v1::GetBaudRequest>},
    Method{"/vser.v1.PortService/SetBaud", &make<v1::SetBaudRequest>},
    Method{"/vser.v1.PortService/GetFormat", &make<v1::GetFormatRequest>},
    Method{"/vser.v1.PortService/SetFormat", &make<v1::SetFormatRequest>},
    Method{"/vser.v1.PortService/GetSignals", &make<v1::GetSignalsRequest>},
    Method{"/vser.v1.PortService/SetSignals", &make<v1::SetSignalsRequest>},
    Method{"/vser.v1.PortService/SendBreak", &make<v1::SendBreakRequest>},
    Method{"/vser.v1.PortService/Flush", &make<v1::FlushRequest>},
    Method{"/vser.v1.PortService/Yield", &make<v1::YieldRequest>},
    Method{"/vser.v1.AdminService/GetServerInfo", &make<v1::GetServerInfoRequest>},
};

/// A server with one simulated port, "p", and a client that sends it raw bytes.
class Rig {
public:
    Rig() {
        std::string name = (std::filesystem::temp_directory_path() / "vserd-fuzz-XXXXXX").string();
        require(::mkdtemp(name.data()) != nullptr, "a folder can be made");
        folder_ = name;
        auto choice = io::select_engine("epoll");
        require(choice.has_value(), "epoll serves everywhere");
        loop_ = std::make_unique<io::Loop>(std::move(choice->engine));
        hub_ = std::make_unique<hub::Hub>(*loop_);
        hub::HubConfig config;
        config.limits.history_bytes = 4096;
        config.ports.push_back({"p", "", "sim:echo?unpaced=1", {}, 4096});
        hub_->apply(config);
        const std::string address = "unix:" + (folder_ / "s").string();
        rpc::ServerOptions options;
        options.listen = {address};
        auto server = rpc::Server::start(*hub_, std::move(options));
        require(server.has_value(), "a server starts");
        server_ = std::move(*server);
        thread_ = std::thread([this] { loop_->run(); });
        channel_ = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
        require(channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20)), "and serves");
        stub_ = std::make_unique<grpc::GenericStub>(channel_);
    }
    ~Rig() {
        loop_->post([this] {
            server_->stop(milliseconds{100}, [this] { hub_->shut_down(milliseconds{0}, [this] { loop_->stop(); }); });
        });
        thread_.join();
        server_.reset();
        hub_.reset();
        stub_.reset();
        channel_.reset();
        queue_.Shutdown();
        std::filesystem::remove_all(folder_);
    }
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    /// Sends all requests, takes all replies.
    grpc::Status call(const char* method, const std::vector<std::string>& requests, milliseconds limit) {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + limit);
        const auto stream = stub_->PrepareCall(&context, method, &queue_);
        stream->StartCall(this);
        bool ok = next();
        for (const auto& request : requests) {
            if (!ok) break;
            const grpc::Slice slice(request);
            stream->Write(grpc::ByteBuffer(&slice, 1), this);
            ok = next();
        }
        if (ok) {
            stream->WritesDone(this);
            ok = next();
        }
        for (ok = true; ok;) {
            grpc::ByteBuffer reply;
            stream->Read(&reply, this);
            ok = next();
        }
        grpc::Status status;
        stream->Finish(&status, this);
        require(next(), "a call ends");
        return status;
    }

private:
    bool next() {
        void* tag = nullptr;
        bool ok = false;
        require(queue_.Next(&tag, &ok), "the queue goes on");
        return ok;
    }

    std::filesystem::path folder_;
    std::unique_ptr<io::Loop> loop_;
    std::unique_ptr<hub::Hub> hub_;
    std::unique_ptr<rpc::Server> server_;
    std::thread thread_;
    std::shared_ptr<grpc::Channel> channel_;
    std::unique_ptr<grpc::GenericStub> stub_;
    grpc::CompletionQueue queue_;
};

void require_told(const grpc::Status& status) {
    using grpc::StatusCode;
    if (status.error_code() == StatusCode::CANCELLED || status.error_code() == StatusCode::DEADLINE_EXCEEDED) return;
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    require(!status.error_message().empty(), "a refusal says why");
    require(details.ParseFromString(status.error_details()) && details.details_size() == 1 &&
                details.details(0).UnpackTo(&info),
            "with details that a program can read");
    require(info.domain() == "vserd" && !info.reason().empty(), "and branch on");
    const bool about_field =
        status.error_code() == StatusCode::INVALID_ARGUMENT || status.error_code() == StatusCode::OUT_OF_RANGE;
    require(!about_field || info.metadata().contains("field"), "a wrong value's field is named");
    require(status.error_code() != StatusCode::INTERNAL && status.error_code() != StatusCode::UNKNOWN,
            "and nothing is the server's own fault");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Rig rig;
    Input input(data, size);
    const Method& method = methods[input.byte() % methods.size()];
    const bool attach = &method == methods.data();
    std::vector<std::string> requests;
    bool all_valid = true;
    do {
        const std::size_t length = attach ? input.byte() : size;
        requests.emplace_back(input.take(length));
        all_valid = all_valid && method.make_request()->ParseFromString(requests.back());
    } while (attach && !input.empty() && requests.size() < 20);
    if (attach) requests.emplace_back("\xFF");  // no message: the stream's end, once all the others were taken

    const grpc::Status status = rig.call(method.name, requests, patience);
    if (!status.ok() && all_valid && !(attach && status.error_message().find("AttachRequest") != std::string::npos)) {
        require_told(status);
    }
    const std::string get_port("\n\1p");
    require(rig.call("/vser.v1.PortService/GetPort", {get_port}, std::chrono::seconds{20}).ok(), "the server lives on");
    return 0;
}
