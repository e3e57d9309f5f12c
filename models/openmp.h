#pragma once

namespace voxd {

/// Makes libtorch's OpenMP threads sleep while they wait, instead of spinning: where other work shares the cores,
/// spinning makes a network three times slower. The runtime reads OMP_WAIT_POLICY before main() starts, so the program
/// is started once more, in this process, with it set. A value that the user has set is left alone. The first call of
/// main(); returns in the second start, or at once when there is nothing to do.
void prefer_passive_openmp(char** argv);

}  // namespace voxd
