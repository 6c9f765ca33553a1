#include "harness/bridge.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "harness/cases.hpp"

namespace vserd::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto start_limit = 30s;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::string ser2net_yaml(bool tuned, const std::vector<Line>& lines, int first_port) {
    std::string text = "%YAML 1.1\n---\n";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string number = std::to_string(first_port + static_cast<int>(i));
        text += "connection: &p" + std::to_string(i) + "\n";
        text += "    accepter: tcp" + std::string(tuned ? "(nodelay=true)" : "") + ",127.0.0.1," + number + "\n";
        text += "    connector: serialdev," + lines[i].path + ",115200n81,local\n";
        text += "    options:\n      mdns: false\n      max-connections: 260\n";
        if (tuned) {
            text += "      chardelay: false\n      dev-to-net-bufsize: 65536\n      net-to-dev-bufsize: 65536\n";
        }
    }
    return text;
}

/// `raw_port` is that of the first line; 0: no line has one.
std::string vserd_toml(const std::vector<Line>& lines, int port, int raw_port, const std::string& engine) {
    std::string text = "[server]\nlisten = \"127.0.0.1:" + std::to_string(port) + "\"\nmetrics = \"\"\nengine = \"" +
                       engine + "\"\nlog_level = \"warn\"\n";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        text += "[[port]]\nname = \"p" + std::to_string(i) + "\"\ndevice = \"" + lines[i].path + "\"\n";
        if (raw_port == 0) continue;
        text += "[[port.listen]]\naddress = \"127.0.0.1:" + std::to_string(raw_port + static_cast<int>(i)) +
                "\"\nprotocol = \"raw\"\nclients_max = 260\n";
    }
    return text;
}

/// [server.tls] and, for `rules`, 1000 rules of which the last is the client's.
/// A new one for each run.
std::string archive_toml(const std::string& folder) {
    std::filesystem::remove_all(folder + "/archive");
    return "[archive]\ndirectory = \"" + folder + "/archive\"\nkeep_free = \"1MiB\"\n";
}

std::string tls_toml(const std::string& pki, bool rules) {
    std::string text = "[server.tls]\ncertificate = \"" + pki + "/server.crt\"\nkey = \"" + pki + "/server.key\"\n";
    if (!rules) return text;
    text += "client_ca = \"" + pki + "/ca.crt\"\n[access]\n";
    const auto rule = [](const std::string& who, const std::string& ports) {
        return "[[access.rule]]\nwho = [\"" + who + "\"]\nports = [\"" + ports + "\"]\nrole = \"write\"\n";
    };
    for (int i = 1; i < 1000; ++i) {
        text += rule("cert:spiffe://vserd/team-" + std::to_string(i) + "/*", "rack" + std::to_string(i) + "-*");
    }
    return text + rule("cert:spiffe://vserd/bench", "p*");
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace

Bridge::Bridge(Face face, const std::vector<Line>& lines, const BridgePrograms& programs) : face_(face) {
    for (const Line& line : lines) flush(line);
    if (is_vserd(face)) {
        if (has_tls(face)) set_up_tls(programs);
        const int more = face == Face::vserd_raw ? static_cast<int>(lines.size()) : face == Face::vserd_web ? 1 : 0;
        first_port_ = free_ports(1 + more);
        first_tcp_port_ = face == Face::vserd_raw ? first_port_ + 1 : 0;
        write_file(programs.folder + "/vserd.toml",
                   vserd_toml(lines, first_port_, first_tcp_port_, programs.engine) +
                       (face == Face::vserd_archive ? archive_toml(programs.folder) : "") +
                       (face == Face::vserd_web ? "[web]\nlisten = [\"127.0.0.1:" + std::to_string(web_port()) + "\"]\n"
                                                : "") +
                       (has_tls(face) ? tls_toml(programs.folder + "/pki", face == Face::vserd_rules) : ""));
        start({programs.vserd, "--config", programs.folder + "/vserd.toml"}, lines.size(),
              programs.folder + "/vserd.log");
    } else {
        first_port_ = first_tcp_port_ = free_ports(static_cast<int>(lines.size()));
        write_file(programs.folder + "/ser2net.yaml", ser2net_yaml(face == Face::ser2net_tuned, lines, first_port_));
        start({programs.ser2net, "-n", "-u", "-c", programs.folder + "/ser2net.yaml", "-P",
               programs.folder + "/ser2net.pid"},
              lines.size(), programs.folder + "/ser2net.log");
    }
}

/// Makes a CA and certificates with vserd itself, once for each folder.
void Bridge::set_up_tls(const BridgePrograms& programs) {
    const std::string pki = programs.folder + "/pki";
    if (!std::filesystem::exists(pki)) {
        const Process made({programs.vserd, "pki", "init", pki, "--name", "127.0.0.1", "--client", "bench"},
                           programs.folder + "/pki.log");
        await([&made] { return !made.running(); }, 10, "vserd pki does not end");
        if (!std::filesystem::exists(pki)) throw std::runtime_error("vserd pki failed:\n" + made.log_tail());
    }
    connect_options_.tls = true;
    connect_options_.tls_ca_file = pki + "/ca.crt";
    if (face_ != Face::vserd_rules) return;
    connect_options_.tls_certificate_file = pki + "/clients/bench.crt";
    connect_options_.tls_key_file = pki + "/clients/bench.key";
}

void Bridge::start(const std::vector<std::string>& command, std::size_t lines, const std::string& log_file) {
    const int last_port = is_vserd(face_) ? first_port_ : tcp_port(lines - 1);
    const auto begin = Clock::now();
    process_ = std::make_unique<Process>(command, log_file);
    while (!is_listening(last_port)) {
        if (!process_->running())
            throw std::runtime_error(command.front() + " ended at once:\n" + process_->log_tail());
        if (Clock::now() - begin > start_limit) {
            throw std::runtime_error(command.front() + " does not listen:\n" + process_->log_tail());
        }
        std::this_thread::sleep_for(500us);
    }
    seconds_to_serving_ = seconds_since(begin);
    if (is_vserd(face_)) wait_for_vserd(begin, lines);
}

void Bridge::wait_for_vserd(Clock::time_point begin, std::size_t lines) {
    const auto client = vser::client::Client::connect(address(), connect_options_);
    if (!client) throw std::runtime_error("vserd does not answer:\n" + process_->log_tail());
    for (bool first = true;; first = false) {
        const auto ports = client->list_ports();
        if (!ports) throw std::runtime_error("vserd does not list its ports: " + ports.error().message);
        if (first) seconds_to_serving_ = seconds_since(begin);
        const auto online = std::count_if(ports->begin(), ports->end(), [](const vser::client::Port& port) {
            return port.state == vser::client::State::online;
        });
        if (static_cast<std::size_t>(online) == lines) break;
        if (Clock::now() - begin > start_limit) {
            throw std::runtime_error("only " + std::to_string(online) + " ports of vserd are online:\n" +
                                     process_->log_tail());
        }
        std::this_thread::sleep_for(5ms);
    }
    seconds_to_all_online_ = seconds_since(begin);
}

}  // namespace vserd::bench
