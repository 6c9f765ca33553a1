#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "metrics/exporter.hpp"

namespace vserd::metrics {

/// Makes one scrape's samples from the sources. Any thread.
class Collector : public prometheus::Collectable {
public:
    explicit Collector(Sources sources);
    std::vector<prometheus::MetricFamily> Collect() const override;

private:
    Sources sources_;
};

}  // namespace vserd::metrics
