#include "harness/bridge.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "harness/cases.hpp"
#include "harness/conserver.hpp"
#include "harness/tcp.hpp"

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

/// A new one for each run.
std::string archive_toml(const std::string& folder) {
    std::filesystem::remove_all(folder + "/archive");
    return "[archive]\ndirectory = \"" + folder + "/archive\"\nkeep_free = \"1MiB\"\n";
}

/// [server.tls] and, for `rules`, 1000 rules of which the last is the client's.
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

void require_installed(const std::string& program, const std::string& package) {
    if (!is_installed(program)) throw Cannot("it is not installed: apt-get install " + package);
}

}  // namespace

Bridge::Bridge(Face face, const std::vector<Line>& lines, const BridgePrograms& programs) : face_(face) {
    for (const Line& line : lines) flush(line);
    if (is_vserd(face)) {
        start_vserd(lines, programs);
    } else if (face == Face::conserver) {
        start_conserver(lines, programs);
    } else if (face == Face::socat) {
        start_socat(lines, programs);
    } else {
        start_ser2net(lines, programs);
    }
}

void Bridge::start_vserd(const std::vector<Line>& lines, const BridgePrograms& programs) {
    if (has_tls(face_)) set_up_tls(programs);
    const int more = face_ == Face::vserd_raw ? static_cast<int>(lines.size()) : face_ == Face::vserd_web ? 1 : 0;
    first_port_ = free_ports(1 + more);
    first_tcp_port_ = face_ == Face::vserd_raw ? first_port_ + 1 : 0;
    write_file(
        programs.folder + "/vserd.toml",
        vserd_toml(lines, first_port_, first_tcp_port_, programs.engine) +
            (face_ == Face::vserd_archive ? archive_toml(programs.folder) : "") +
            (face_ == Face::vserd_web ? "[web]\nlisten = [\"127.0.0.1:" + std::to_string(web_port()) + "\"]\n" : "") +
            (has_tls(face_) ? tls_toml(programs.folder + "/pki", face_ == Face::vserd_rules) : ""));
    const auto begin = Clock::now();
    start({programs.vserd, "--config", programs.folder + "/vserd.toml"}, programs.folder + "/vserd.log");
    wait_until_listening(begin, first_port_, 1);
    wait_for_vserd(begin, lines.size());
}

void Bridge::start_ser2net(const std::vector<Line>& lines, const BridgePrograms& programs) {
    const int count = static_cast<int>(lines.size());
    first_port_ = first_tcp_port_ = free_ports(count);
    write_file(programs.folder + "/ser2net.yaml", ser2net_yaml(face_ == Face::ser2net_tuned, lines, first_port_));
    const auto begin = Clock::now();
    start(
        {programs.ser2net, "-n", "-u", "-c", programs.folder + "/ser2net.yaml", "-P", programs.folder + "/ser2net.pid"},
        programs.folder + "/ser2net.log");
    wait_until_listening(begin, first_port_, count);
}

void Bridge::start_conserver(const std::vector<Line>& lines, const BridgePrograms& programs) {
    require_installed("conserver", "conserver-server");
    first_port_ = free_ports(1);
    write_file(programs.folder + "/conserver.cf", conserver::configuration(lines));
    write_file(programs.folder + "/conserver.passwd", "");
    const auto begin = Clock::now();
    // It waits 0.75 s after each of its processes. They have 16 consoles by default, and with 1024 descriptors at most 500.
    start({"conserver", "-m", "256", "-E", "-n", "-R", "-C", programs.folder + "/conserver.cf", "-P",
           programs.folder + "/conserver.passwd", "-M", "127.0.0.1", "-p", std::to_string(first_port_)},
          programs.folder + "/conserver.log");
    wait_until_listening(begin, first_port_, 1);
    group_ports_ = conserver::group_ports(first_port_, lines.size());
    seconds_to_serving_ = seconds_since(begin);
}

void Bridge::start_socat(const std::vector<Line>& lines, const BridgePrograms& programs) {
    require_installed("socat", "socat");
    const int count = static_cast<int>(lines.size());
    first_port_ = first_tcp_port_ = free_ports(count);
    const auto begin = Clock::now();
    for (int i = 0; i < count; ++i) {
        start({"socat", "-b", "65536",
               "TCP-LISTEN:" + std::to_string(first_port_ + i) + ",bind=127.0.0.1,reuseaddr,nodelay",
               "OPEN:" + lines[static_cast<std::size_t>(i)].path + ",b115200,raw,echo=0"},
              programs.folder + "/socat" + std::to_string(i) + ".log");
    }
    wait_until_listening(begin, first_port_, count);
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

void Bridge::start(const std::vector<std::string>& command, const std::string& log_file) {
    processes_.push_back(std::make_unique<Process>(command, log_file));
}

void Bridge::wait_until_listening(Clock::time_point begin, int first_port, int count) {
    while (!are_listening(first_port, count)) {
        if (!processes_.back()->running())
            throw std::runtime_error("it ended at once:\n" + processes_.back()->log_tail());
        if (Clock::now() - begin > start_limit) throw std::runtime_error("it does not listen:\n" + log_tail());
        std::this_thread::sleep_for(500us);
    }
    seconds_to_serving_ = seconds_since(begin);
}

base::Fd Bridge::connect(std::size_t line) const {
    if (face_ == Face::conserver) return conserver::connect(group_ports_[line], line);
    return tcp_connect(first_tcp_port_ + static_cast<int>(line));
}

double Bridge::cpu_seconds() const {
    double sum = 0;
    for (const auto& process : processes_) sum += process->cpu_seconds();
    return sum;
}

std::uint64_t Bridge::resident_bytes() const {
    if (processes_.size() == 1 && !processes_.front()->has_children()) return processes_.front()->resident_bytes();
    std::uint64_t sum = 0;
    for (const auto& process : processes_) sum += process->proportional_bytes();
    return sum;
}

void Bridge::wait_for_vserd(Clock::time_point begin, std::size_t lines) {
    const auto client = vser::client::Client::connect(address(), connect_options_);
    if (!client) throw std::runtime_error("vserd does not answer:\n" + log_tail());
    for (bool first = true;; first = false) {
        const auto ports = client->list_ports();
        if (!ports) throw std::runtime_error("vserd does not list its ports: " + ports.error().message);
        if (first) seconds_to_serving_ = seconds_since(begin);
        const auto online = std::count_if(ports->begin(), ports->end(), [](const vser::client::Port& port) {
            return port.state == vser::client::State::online;
        });
        if (static_cast<std::size_t>(online) == lines) break;
        if (Clock::now() - begin > start_limit) {
            throw std::runtime_error("only " + std::to_string(online) + " ports of vserd are online:\n" + log_tail());
        }
        std::this_thread::sleep_for(5ms);
    }
    seconds_to_all_online_ = seconds_since(begin);
}

}  // namespace vserd::bench
