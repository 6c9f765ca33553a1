#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "metrics/exporter.hpp"

namespace vserd::metrics {

/// Makes one scrape's samples from the sources. Any thread.
class Collector {
public:
    explicit Collector(Sources sources);
    /// `refused`: the number of connections that the exporter closed. Everything else comes from the sources.
    std::vector<prometheus::MetricFamily> collect(const std::vector<net::Refused>& refused) const;

private:
    Sources sources_;
};

}  // namespace vserd::metrics
