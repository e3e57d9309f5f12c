#include "models/openmp.h"

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "tests/support/catch.h"

namespace openmp_test {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  REQUIRE(pipe);
  std::string text;
  std::array<char, 256> chunk{};
  while (std::fgets(chunk.data(), chunk.size(), pipe.get())) text += chunk.data();
  return text;
}

}  // namespace

TEST_CASE("a program starts over with sleeping OpenMP threads and the same arguments", "[openmp]") {
  CHECK(output_of("env -u OMP_WAIT_POLICY " OPENMP_PROBE " first") == "PASSIVE 2 first\n");
}

TEST_CASE("an OpenMP policy that the user has set is left alone", "[openmp]") {
  CHECK(output_of("OMP_WAIT_POLICY=ACTIVE " OPENMP_PROBE " first") == "ACTIVE 2 first\n");
}

}  // namespace openmp_test
