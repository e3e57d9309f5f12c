// voxd_decoder MILLISECONDS: decodes compressed frames for the server that started it, confined to that. Not meant to
// be run by people.

#include <cstdlib>

#include "server/decode/decoder_child.h"

int main(int argc, char** argv) {
  // Nothing is torn down: exit handlers may ask for what the process is not given any more.
  std::_Exit(voxd::run_decoder(argc, argv, voxd::decode_frame));
}
