// Included first, under ThreadSanitizer, by whatever sees protobuf's headers. There they give map fields two members more,
// of which Debian's library, compiled without, knows nothing: it would read the wrong ones. The C++ library's headers must
// know, and are told before the macro goes.
#pragma once

#include <cstddef>

#ifdef __SANITIZE_THREAD__
#undef __SANITIZE_THREAD__
#define VOXD_UNDER_TSAN
#endif
