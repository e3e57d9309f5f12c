#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/server/services/parser_oracle.h"

/// Any bytes are either refused by the hand parser of ModelInfer, or mean to it what they mean to the generated parser,
/// however they are cut into pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string message(reinterpret_cast<const char*>(data), size);
  for (const unsigned seed : {0u, static_cast<unsigned>(size)}) {
    if (voxd::test::agreement(message, seed) != voxd::test::Agreement::different) continue;
    std::fprintf(stderr, "broken: the two parsers disagree\n");
    std::abort();
  }
  return 0;
}
