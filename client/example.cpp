// Segments one image with a running voxd: voxd_example ADDRESS MODEL IMAGE MASK
#include <fstream>
#include <iostream>

#include "client/segmentation_client.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: voxd_example ADDRESS MODEL IMAGE MASK\n";
    return 1;
  }
  try {
    voxd::SegmentationClient client(argv[1]);
    voxd::SegmentationInput input;
    input.model = argv[2];
    input.parts = {voxd::ImagePart::file(argv[3])};
    const voxd::SegmentationOutcome outcome = client.segment(input);
    std::ofstream(argv[4], std::ios::binary) << outcome.mask;
    std::cout << "network: " << outcome.stage_ms.at("network") << " ms\n";
  } catch (const voxd::Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
