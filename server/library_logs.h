#pragma once

namespace voxd {

/// gRPC's and protobuf's own lines go to our log, as debug: they would else go to stderr as they are, some at a
/// caller's will; what they say is in the errors that we report. Once, at start.
void redirect_library_logs();

}  // namespace voxd
