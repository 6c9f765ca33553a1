// Included before everything else where ThreadSanitizer is on. protobuf's headers then give each map field two more members, which
// Debian's library, built without it, does not have: it would read and write at wrong offsets.
#include <memory>  // libstdc++ shall see that ThreadSanitizer is on

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
