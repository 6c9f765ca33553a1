#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/hub.hpp"
#include "io/engine_select.hpp"
#include "io/pty.hpp"
#include "support/engines.hpp"

namespace vserd {

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span{text}); }

/// A hub on a real engine, driven by hand: until() turns the loop until something is so.
class HubTest : public testing::TestWithParam<std::string> {
protected:
    HubTest() {
        auto choice = io::select_engine(GetParam());
        if (!choice) {
            skipped_ = choice.error().message;
            return;
        }
        loop_ = std::make_unique<io::Loop>(std::move(choice->engine));
        hub_ = std::make_unique<hub::Hub>(*loop_);
        directory_ = std::filesystem::temp_directory_path() / ("vserd-port-" + std::to_string(::getpid()) + GetParam());
        std::filesystem::create_directories(directory_);
    }

    void SetUp() override {
        if (skipped_.empty()) return;
        ASSERT_FALSE(test::system_grants(GetParam())) << skipped_;
        GTEST_SKIP() << skipped_;
    }

    ~HubTest() override {
        if (!hub_) return;
        bool done = false;
        hub_->shut_down(std::chrono::milliseconds{100}, [&] { done = true; });
        EXPECT_TRUE(until([&] { return done; }));
        hub_.reset();
        loop_.reset();
        std::filesystem::remove_all(directory_);
    }

    bool until(const std::function<bool()>& condition, std::chrono::seconds limit = std::chrono::seconds{20}) {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            if (!loop_->poll_once()) ::usleep(200);
        }
        return true;
    }

    /// Where the port's device is: a link to the pty that is plugged in.
    std::string node() const { return (directory_ / "ttyTest").string(); }

    void plug() {
        pty_ = std::make_unique<io::Pty>(io::open_pty().value());
        pty_->slave.reset();
        const auto temporary = directory_ / "new";
        std::filesystem::create_symlink(pty_->path, temporary);
        std::filesystem::rename(temporary, node());
    }

    void unplug() {
        std::filesystem::remove(node());
        pty_.reset();
    }

    void device_sends(std::string_view text) {
        while (!text.empty()) {
            const ssize_t size = ::write(pty_->master.get(), text.data(), text.size());
            if (size > 0) text.remove_prefix(static_cast<std::size_t>(size));
            loop_->poll_once();
        }
    }

    /// What the device has received so far.
    const std::string& device_received() {
        std::array<char, 65536> buffer;
        while (true) {
            const ssize_t size = ::read(pty_->master.get(), buffer.data(), buffer.size());
            if (size <= 0) return device_received_;
            device_received_.append(buffer.data(), static_cast<std::size_t>(size));
        }
    }

    hub::Channel& add_port(std::string device, std::size_t history_bytes = std::size_t{1} << 20) {
        hub::HubConfig config;
        config.limits.history_bytes = history_bytes;
        config.ports.push_back({"p", "", std::move(device), {}, 4096});
        hub_->apply(config);
        return *hub_->find("p");
    }

    hub::Channel& online_port(std::size_t history_bytes = std::size_t{1} << 20) {
        plug();
        hub::Channel& channel = add_port(node(), history_bytes);
        EXPECT_TRUE(until([&] { return channel.port().state() == port::PortState::online; }))
            << channel.port().offline_reason();
        return channel;
    }

    static std::chrono::steady_clock::time_point soon() {
        return std::chrono::steady_clock::now() + std::chrono::seconds{10};
    }

    /// Runs one request to its reply.
    template <class T>
    Result<T> reply_of(const std::function<void(port::Reply<T>)>& request) {
        std::optional<Result<T>> reply;
        request([&](Result<T> result) { reply = std::move(result); });
        EXPECT_TRUE(until([&] { return reply.has_value(); }));
        return reply ? *reply : Result<T>(Error{Failure::timed_out, 0, "", "no reply"});
    }

    std::string skipped_;
    std::unique_ptr<io::Loop> loop_;
    std::unique_ptr<hub::Hub> hub_;
    std::unique_ptr<io::Pty> pty_;
    std::filesystem::path directory_;
    std::string device_received_;
};

/// A write with the result it got.
struct Write {
    explicit Write(std::string_view text) : bytes(text) {
        pending.bytes = as_bytes(bytes);
        pending.done = [this](Result<void> outcome) { result = std::move(outcome); };
    }
    std::string bytes;
    hub::PendingWrite pending;
    std::optional<Result<void>> result;
};

/// Exclusive access for a writer or a handle, which has it at once if nobody holds the port.
template <class Holder>
Result<void> hold(Holder& holder) {
    std::optional<Result<void>> result;
    holder.acquire_exclusive(/*takeover=*/false, "", [&](const Result<void>& outcome) { result = outcome; });
    return result ? *result : Result<void>(Error{Failure::timed_out, 0, "", "it has to wait"});
}

/// Reads everything at once and keeps it as text.
class Recorder : public hub::Sink {
public:
    void start(hub::Channel& channel, const hub::StartPoint& from) {
        reader_ = channel.attach(from, *this).value();
        on_available();
    }
    void on_available() override {
        while (!stopped && reader_) {
            auto item = reader_->next(65536);
            if (!item) return;
            if (const auto* data = std::get_if<log::DataItem>(&*item)) {
                EXPECT_EQ(data->offset, next_offset.value_or(data->offset)) << "a byte twice or none";
                next_offset = data->offset + data->size;
                for (const auto& slice : data->slices) {
                    text.append(reinterpret_cast<const char*>(slice.data), slice.size);
                }
            } else if (const auto* gap = std::get_if<log::GapItem>(&*item)) {
                gaps.push_back(*gap);
                next_offset = gap->to;
            } else {
                events.push_back(std::get<log::EventItem>(*item));
            }
        }
    }
    void on_closed(const Error& /*why*/) override {
        closed = true;
        reader_.reset();
    }
    void detach() { reader_.reset(); }

    template <class Event>
    std::size_t count() const {
        return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [](const log::EventItem& item) {
            return std::holds_alternative<Event>(item.event);
        }));
    }

    std::string text;
    std::vector<log::GapItem> gaps;
    std::vector<log::EventItem> events;
    std::optional<std::uint64_t> next_offset;
    bool stopped = false;  ///< the client does not read
    bool closed = false;

private:
    std::unique_ptr<hub::Reader> reader_;
};

}  // namespace vserd
