#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

namespace vserd {

/// Lets a coroutine wait for a function with a completion callback:
/// `co_await called_back([&](auto done) { hub.drain(limit, done); })`. `done` must be called once, on the io thread.
template <class Start>
boost::asio::awaitable<void> called_back(Start start) {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
        [start = std::move(start)](auto handler) mutable {
            // std::function requires a copyable callable, but the handler can only be moved.
            const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            start(std::function<void()>([shared] { std::move (*shared)(); }));
        },
        boost::asio::use_awaitable);
}

}  // namespace vserd
