#pragma once

#include "roster/roster.hpp"
#include "web/response.hpp"

namespace vserd::web {

/// What /sd/prometheus answers: the metrics of all bridges of the fleet as Prometheus' HTTP service discovery expects them
/// (https://prometheus.io/docs/prometheus/latest/http_sd/). Null: there is no fleet.
/// Until the fleet has been read once the answer is 503, because Prometheus then keeps the targets that it knows.
Response discovery(const roster::Roster* roster);

}  // namespace vserd::web
