#pragma once

/// The whole client library: `#include "vser_client.hpp"` and link `vserd_client::vserd_client`.
///
///     auto client = vser::client::Client::connect("127.0.0.1:50051").value();
///     client.set_baud("vser0", 9600).value();
///     auto console = client.attach("vser0").value();
///     console.write("help\r").value();
///     while (auto item = console.next()) {
///         if (auto* data = std::get_if<vser::client::Data>(&*item)) std::cout << data->bytes;
///     }
#include "vser_client/cancellation.hpp"
#include "vser_client/client.hpp"
#include "vser_client/console.hpp"
#include "vser_client/fleet.hpp"
#include "vser_client/label_selector.hpp"
#include "vser_client/pending_call.hpp"
#include "vser_client/result.hpp"
#include "vser_client/stream.hpp"
#include "vser_client/types.hpp"
