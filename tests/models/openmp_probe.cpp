// Says what a program that calls prefer_passive_openmp() is started with in the end.

#include <cstdio>
#include <cstdlib>

#include "models/openmp.h"

int main(int argc, char** argv) {
  voxd::prefer_passive_openmp(argv);
  const char* policy = std::getenv("OMP_WAIT_POLICY");
  std::printf("%s %d %s\n", policy ? policy : "unset", argc, argc > 1 ? argv[1] : "");
}
