#include "io/engine_select.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text.hpp"
#include "io/aio_engine.hpp"
#include "io/engine_signals.hpp"
#include "io/epoll_engine.hpp"
#include "io/probe.hpp"
#include "io/sigio_engine.hpp"
#include "io/uring_engine.hpp"

namespace vserd::io {
namespace {

struct Candidate {
    std::string_view name;
    Result<std::unique_ptr<Engine>> (*create)();
};

/// In order of preference. README.md has the measurements.
constexpr std::array candidates{
    Candidate{"io_uring", [] { return UringEngine::create(); }},
    Candidate{"sigio", [] { return SigioEngine::create(); }},
    Candidate{"epoll", [] { return EpollEngine::create(); }},
    Candidate{"aio", [] { return AioEngine::create(); }},
};

/// Probes one engine and returns a new one, because some mechanisms are bound to the thread that first used them.
Result<std::unique_ptr<Engine>> create_proven(const Candidate& candidate) {
    auto tried = candidate.create();
    if (!tried) return tried;
    if (auto proof = probe_engine(**tried); !proof) return proof.error();
    tried->reset();  // a thread can have only one sigio engine
    return candidate.create();
}

Error unknown_engine(std::string_view wanted) {
    return Error{Failure::invalid_argument, 0, "engine",
                 fmt::format("engine \"{}\" is unknown; use auto, {}", wanted, base::joined(engine_names(), ", "))};
}

Result<EngineChoice> select_named(const Candidate& candidate) {
    auto engine = create_proven(candidate);
    if (engine) return EngineChoice{std::move(*engine), {}};
    Error error = engine.error();
    error.message = fmt::format("engine \"{}\" does not work on this system: {}", candidate.name, error.message);
    error.subject = "engine";
    error.failure = Failure::unsupported;
    return error;
}

/// Returns the first engine of `among` that works.
Result<EngineChoice> select_best(std::span<const Candidate> among) {
    EngineChoice choice;
    std::string reasons;
    for (const Candidate& candidate : among) {
        auto engine = create_proven(candidate);
        if (engine) {
            choice.engine = std::move(*engine);
            return choice;
        }
        reasons += (reasons.empty() ? "" : "; ") + engine.error().message;
        choice.refusals.push_back({std::string{candidate.name}, engine.error().message});
    }
    return Error{Failure::unsupported, 0, "engine", "no engine works on this system: " + reasons};
}

}  // namespace

const std::vector<std::string_view>& engine_names() {
    static const auto* const names = [] {
        auto* all = new std::vector<std::string_view>;
        for (const Candidate& candidate : candidates) all->push_back(candidate.name);
        return all;
    }();
    return *names;
}

Result<EngineChoice> select_engine(std::string_view wanted) {
    block_engine_signals();
    if (wanted == "auto") return select_best(candidates);
    const auto* const found = std::ranges::find(candidates, wanted, &Candidate::name);
    return found == candidates.end() ? Result<EngineChoice>{unknown_engine(wanted)} : select_named(*found);
}

Result<std::unique_ptr<Engine>> next_engine(std::string_view than) {
    const auto* const found = std::ranges::find(candidates, than, &Candidate::name);
    auto choice = select_best({found == candidates.end() ? found : found + 1, candidates.end()});
    if (!choice) return choice.error();
    return std::move(choice->engine);
}

}  // namespace vserd::io
