#include "tests/support/png_reader.h"

#include <png.h>

#include "gpu_transforms/volume/error.h"

namespace voxd::test {

RgbImage read_png(std::span<const std::byte> file) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, file.data(), file.size()) == 0)
    fail(Code::invalid_argument, "png: ", image.message);
  image.format = PNG_FORMAT_RGB;
  RgbImage picture{static_cast<int>(image.width), static_cast<int>(image.height), {}};
  picture.rgb.resize(PNG_IMAGE_SIZE(image));
  if (png_image_finish_read(&image, nullptr, picture.rgb.data(), 0, nullptr) == 0)
    fail(Code::invalid_argument, "png: ", image.message);
  return picture;
}

}  // namespace voxd::test
