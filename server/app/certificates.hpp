#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "app/disk_thread.hpp"
#include "app/file_watch.hpp"
#include "base/result.hpp"
#include "io/loop.hpp"
#include "net/certificate_store.hpp"

namespace vserd {

/// Keeps the files of [server.tls] in force: reads them at the start, takes them from a reload, and reads them again when they
/// change. Reports expiry to the journal at each of these times and once a day. Io thread.
class Certificates {
public:
    /// Reads the files at once. Both references outlive this. Null: none is configured.
    static Result<std::unique_ptr<Certificates>> load(const net::TlsFiles& files, io::Loop& loop, DiskThread& disk);
    Certificates(net::TlsFiles files, net::TlsPems pems, io::Loop& loop, DiskThread& disk);

    const std::shared_ptr<net::CertificateStore>& store() const noexcept { return store_; }
    /// New handshakes use these. Returns false, and keeps the previous ones, if clients would need a certificate and did not
    /// before, or the reverse: that requires a restart.
    bool replace(const net::TlsFiles& files, const net::TlsPems& pems);
    /// No changes happen from now on. Destroy this only after the disk thread.
    void stop();

private:
    void reread();
    void reread_done(const net::TlsFiles& files, const Result<net::TlsPems>& pems);
    void warn_daily();

    DiskThread& disk_;
    net::TlsFiles files_;
    std::string problem_;                           ///< the last one that was reported
    std::shared_ptr<net::CertificateStore> store_;  // shared with the front ends
    FileWatch watch_;
    boost::asio::steady_timer daily_;
    bool stopped_ = false;
};

}  // namespace vserd
