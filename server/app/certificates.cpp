#include "app/certificates.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace vserd {
namespace {

constexpr std::chrono::hours warning_interval{24};

bool same_request(const net::TlsFiles& left, const net::TlsFiles& right) {
    return left.client_ca.empty() == right.client_ca.empty() &&
           left.client_certificate_optional == right.client_certificate_optional;
}

}  // namespace

Result<std::unique_ptr<Certificates>> Certificates::load(const net::TlsFiles& files, io::Loop& loop, DiskThread& disk) {
    if (files.certificate.empty()) return nullptr;
    auto pems = net::load_tls(files);
    if (!pems) return pems.error();
    return std::make_unique<Certificates>(files, std::move(*pems), loop, disk);
}

Certificates::Certificates(net::TlsFiles files, net::TlsPems pems, io::Loop& loop, DiskThread& disk)
    : disk_(disk),
      files_(std::move(files)),
      store_(std::make_shared<net::CertificateStore>(std::move(pems))),
      watch_(loop, disk, [this] { reread(); }),
      daily_(loop.context()) {
    watch_.watch(files_.names());
    warn_daily();
}

void Certificates::warn_daily() {
    for (const std::string& warning : store_->warnings()) spdlog::warn("{}", warning);
    daily_.expires_after(warning_interval);
    daily_.async_wait([this](const boost::system::error_code& error) {
        if (!error && !stopped_) warn_daily();
    });
}

bool Certificates::replace(const net::TlsFiles& files, const net::TlsPems& pems) {
    if (!same_request(files_, files)) return false;
    if (files_.names() != files.names()) watch_.watch(files.names());
    files_ = files;
    problem_.clear();
    store_->replace(pems);
    warn_daily();
    return true;
}

void Certificates::stop() {
    stopped_ = true;
    watch_.stop();
    daily_.cancel();
}

void Certificates::reread() {
    auto pems = std::make_shared<Result<net::TlsPems>>(net::TlsPems{});  // shared with the disk thread
    disk_.run([pems, files = files_] { *pems = net::load_tls(files); },
              [this, pems, files = files_] { reread_done(files, *pems); });
}

void Certificates::reread_done(const net::TlsFiles& files, const Result<net::TlsPems>& pems) {
    if (stopped_ || files != files_) return;  // a reload has replaced them meanwhile
    if (!pems) {
        if (std::exchange(problem_, pems.error().message) == problem_) return;
        return spdlog::error("[server.tls]: {}; the previous certificates stay in force", problem_);
    }
    const bool failed_before = !std::exchange(problem_, {}).empty();
    if (store_->holds(*pems)) {
        if (failed_before)
            spdlog::info("[server.tls]: the files are usable again and contain the certificates in force");
        return;
    }
    replace(files, *pems);
    spdlog::info("[server.tls]: the files have changed; new connections use the new certificates");
}

}  // namespace vserd
