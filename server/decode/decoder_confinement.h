#pragma once

namespace voxd {

/// Takes from this process, for good, what it does not need to decode frames: it can use the memory and the descriptors
/// that it has, end, and no more; whatever else it asks the system for ends it (SIGSYS). No file is opened, no socket
/// made, no process started or signalled, no memory made executable. It gets no more than 2 GiB of address space
/// (unless built with a sanitizer, which needs more), leaves no core and is the first to go when memory runs out.
/// Throws Error{failed_precondition} where the system does not support that. For the only thread of a process.
void confine_decoder();

}  // namespace voxd
