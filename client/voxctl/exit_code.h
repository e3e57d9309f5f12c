#pragma once

#include <stdexcept>

#include "gpu_transforms/volume/error.h"

namespace voxd::ctl {

/// What voxctl's caller can tell apart. The numbers are part of the interface: `voxctl --help` lists them.
enum class ExitCode {
  ok = 0,
  usage = 1,
  bad_input = 2,
  bad_output = 3,
  not_found = 4,
  unreachable = 5,
  overloaded = 6,
  deadline = 7,
  forbidden = 8,
  server_error = 9,
  cancelled = 130,  // as a shell reports a program that Ctrl-C ended
};

/// For the end of `voxctl --help`.
inline constexpr const char* exit_code_help =
    "Exit codes:\n"
    "  0    success\n"
    "  1    usage: an unknown option, a missing or contradictory argument\n"
    "  2    bad input: not an image, damaged, or nothing that this model can take\n"
    "  3    an output cannot be written\n"
    "  4    not found: the input file, or the model on the server\n"
    "  5    no server reached, or it is starting or stopping\n"
    "  6    the server is overloaded; try again later\n"
    "  7    a time limit passed: --timeout, or the server's own\n"
    "  8    the server does not allow it\n"
    "  9    server error\n"
    "  130  cancelled (Ctrl-C)\n";

ExitCode exit_code_of(Code code);

/// An option that makes no sense with the others.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An output that cannot be written.
class OutputError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace voxd::ctl
