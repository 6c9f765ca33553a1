#pragma once

#include <boost/container/deque.hpp>
#include <cstddef>

namespace vserd::base {

/// A deque that allocates nothing before it gets its first element, and then memory for `block_elements` at a time. An empty
/// std::deque takes 576 bytes of the heap. For members of which every port or stream has one.
template <class T, std::size_t block_elements>
using LazyDeque =
    boost::container::deque<T, void, boost::container::deque_options_t<boost::container::block_size<block_elements>>>;

}  // namespace vserd::base
