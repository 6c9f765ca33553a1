#include "app/audit_outputs.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "app/journal_outputs.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"

namespace vserd {
namespace {

using access::AuditRecord;
using Field = std::pair<std::string_view, std::string>;

std::string rfc3339(std::chrono::system_clock::time_point time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time - seconds).count();
    return fmt::format("{:%FT%T}.{:06}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), micros);
}

/// The fields that have a value, except for the time and the offsets. Their texts are valid UTF-8 without control characters.
std::vector<Field> fields_of(const AuditRecord& record) {
    std::vector<Field> fields{{"event", std::string(record.event)}};
    const auto add = [&fields](std::string_view name, const std::string& value) {
        if (!value.empty()) fields.emplace_back(name, base::printable_text(value));
    };
    add("identity", record.identity);
    add("via", record.via);
    add("peer", record.peer);
    add("client", record.client);
    add("port", record.port);
    add("session", record.session);
    add("role", record.role);
    add("outcome", record.outcome);
    add("detail", record.detail);
    return fields;
}

std::string quoted(std::string_view printable) {
    std::string text = "\"";
    for (const char c : printable) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return text + '"';
}

class JournalAudit final : public AuditOutput {
public:
    Result<void> write(std::deque<AuditRecord>& records) override {
        for (; !records.empty(); records.pop_front()) {
            if (auto sent = send(records.front()); !sent) return sent;
        }
        return {};
    }
    void reopen() override {}

private:
    static Result<void> send(const AuditRecord& record) {
        std::vector<std::string> entry = to_journal_fields(record);
        entry.push_back("MESSAGE=audit: " + to_sentence(record));
        entry.emplace_back("PRIORITY=5");
        entry.emplace_back("SYSLOG_IDENTIFIER=vserd");
        std::vector<iovec> parts;
        parts.reserve(entry.size());
        for (std::string& part : entry) parts.push_back({part.data(), part.size()});
        const int sent = ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
        if (sent < 0) return errno_error("the journal", -sent);
        return {};
    }
};

/// Without systemd's journal: lines on standard error, where the daemon's own reports go too.
class ErrorAudit final : public AuditOutput {
public:
    Result<void> write(std::deque<AuditRecord>& records) override {
        for (; !records.empty(); records.pop_front())
            write_all(STDERR_FILENO, "audit " + to_json_line(records.front()));
        return {};
    }
    void reopen() override {}
};

class FileAudit final : public AuditOutput {
public:
    explicit FileAudit(std::string path) : path_(std::move(path)) {}

    Result<void> write(std::deque<AuditRecord>& records) override {
        if (!file_) {
            file_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640));
            if (!file_) return errno_error(path_);
        }
        struct stat before {};
        if (::fstat(file_.get(), &before) != 0) return errno_error(path_);
        std::string lines;
        for (const AuditRecord& record : records) lines += to_json_line(record);
        std::string_view left = lines;
        while (!left.empty()) {
            const ssize_t written = ::write(file_.get(), left.data(), left.size());
            if (written > 0) {
                left.remove_prefix(static_cast<std::size_t>(written));
            } else if (errno != EINTR) {
                return give_up(before);
            }
        }
        records.clear();
        return {};
    }
    void reopen() override { file_.reset(); }

private:
    /// Removes what was written in part. It will be written again.
    Result<void> give_up(const struct stat& before) {
        Error error = errno_error(path_);
        if (S_ISREG(before.st_mode) && ::ftruncate(file_.get(), before.st_size) != 0) {
            error.message += "; a part of a record is left in it";
        }
        file_.reset();  // a directory that was replaced, or a disk that was mounted, takes effect at the next attempt
        return error;
    }

    const std::string path_;
    base::Fd file_;
};

}  // namespace

std::string to_json_line(const AuditRecord& record) {
    std::string line = fmt::format(R"({{"time":"{}")", rfc3339(record.time));
    for (const auto& [name, value] : fields_of(record)) line += fmt::format(R"(,"{}":{})", name, quoted(value));
    if (record.tx) line += fmt::format(R"(,"tx_from":{},"tx_to":{})", record.tx->from, record.tx->to);
    return line + "}\n";
}

std::string to_sentence(const AuditRecord& record) {
    std::string text{record.event};
    if (!record.port.empty()) text += " " + record.port;
    if (!record.identity.empty()) text += " by " + record.identity;
    if (!record.peer.empty()) text += fmt::format(" ({} {})", record.via, record.peer);
    if (!record.outcome.empty()) text += ": " + record.outcome;
    if (!record.detail.empty()) text += ": " + record.detail;
    return base::printable_text(text);
}

std::vector<std::string> to_journal_fields(const AuditRecord& record) {
    std::vector<std::string> fields;
    for (const auto& [name, value] : fields_of(record)) {
        std::string key = name == "port" ? "" : "VSERD_";  // as in the other messages about a port
        for (const char c : name) key += static_cast<char>(c - 'a' + 'A');
        fields.push_back(fmt::format("{}={}", key, value));
    }
    if (record.tx) {
        fields.push_back(fmt::format("VSERD_TX_FROM={}", record.tx->from));
        fields.push_back(fmt::format("VSERD_TX_TO={}", record.tx->to));
    }
    return fields;
}

std::unique_ptr<AuditOutput> make_audit_output(const std::string& destination) {
    if (destination != "journal") return std::make_unique<FileAudit>(destination);
    if (stderr_is_journal()) return std::make_unique<JournalAudit>();
    return std::make_unique<ErrorAudit>();
}

}  // namespace vserd
