#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vser_client/client.hpp"
#include "vserctl/owner.hpp"

namespace vserctl {

/// What the keys `i` and `w` of `attach` ask the server that has the port: its state, and who is connected to it. The answers
/// come later.
class AttachQuestions {
public:
    AttachQuestions(Owner owner, std::string port, std::function<void(const std::string&)> answer)
        : owner_(std::move(owner)), port_(std::move(port)), answer_(std::move(answer)) {}

    void ask_about_port();
    void ask_who();
    /// For poll(): readable when there is an answer; -1: nothing was asked.
    int port_fd() const { return about_port_ ? about_port_->ready_fd() : -1; }
    int who_fd() const { return who_ ? who_->ready_fd() : -1; }
    /// `next_offset`: of the console.
    void show_port(std::uint64_t next_offset);
    void show_who();

private:
    const Owner owner_;
    const std::string port_;
    const std::function<void(const std::string&)> answer_;
    std::string asked_;  ///< the address of the server of about_port_
    std::optional<vser::client::PendingCall<vser::client::Port>> about_port_;
    std::optional<vser::client::PendingCall<std::vector<vser::client::Session>>> who_;
};

/// "120 bytes are still queued ...", for the user who leaves; empty if they will be sent soon. The server sends them even
/// after the client has left. Waits for an answer half a second at most.
std::string describe_queued_bytes(const Owner& owner, const std::string& port);

}  // namespace vserctl
