#pragma once

#include "server/decode/coded_frame.h"

namespace voxd {

/// The main function of a process that decodes frames for the one that started it (DecoderProcess): confines itself,
/// says that it is ready, and decodes with `decode` what it is asked to until nobody is left to ask. Ends by SIGALRM if
/// one frame takes longer than `argv[1]` milliseconds. Returns the exit status.
int run_decoder(int argc, char** argv, const FrameDecoder& decode);

}  // namespace voxd
