#include "server/decode/image.h"

#include "gpu_transforms/volume/error.h"
#include "server/decode/gzip_reader.h"
#include "server/decode/nifti.h"
#include "server/decode/nifti_fields.h"

namespace voxd {
namespace {

struct Format {
  std::string_view name;
  bool (*recognises)(std::span<const std::byte> start);
  ImageHeader (*read_header)(std::span<const std::byte> start, const DecodeLimits& limits);
  HostVolume (*decode)(std::span<const std::byte> file, const HostAllocator& allocate, const DecodeLimits& limits);
};

bool may_be_nifti(std::span<const std::byte> start) { return GzipReader::is_gzip(start) || nifti_version(start) != 0; }

ImageHeader read_nifti(std::span<const std::byte> start, const DecodeLimits& limits) {
  const NiftiHeader header = read_nifti_header(start, limits);
  return {"nifti", header.decoded, 1, header.geometry};
}

constexpr Format formats[] = {{"nifti", may_be_nifti, read_nifti, decode_nifti}};

std::string supported() {
  std::string names;
  for (const Format& format : formats) names.append(names.empty() ? "" : ", ").append(format.name);
  return names;
}

const Format& find_format(std::span<const std::byte> start, std::string_view name) {
  for (const Format& format : formats)
    if (name.empty() ? format.recognises(start) : name == format.name) return format;
  if (name.empty())
    fail(Code::invalid_argument, "format: not recognised by the file's first bytes (", start.size(),
         " bytes), supported: ", supported());
  fail(Code::invalid_argument, "format: '", name, "', supported: ", supported());
}

}  // namespace

ImageHeader read_image_header(std::span<const std::byte> start, std::string_view format, const DecodeLimits& limits) {
  return find_format(start, format).read_header(start, limits);
}

DecodedImage decode_image(std::span<const std::byte> file, std::string_view format, const HostAllocator& allocate,
                          const DecodeLimits& limits) {
  const Format& found = find_format(file, format);
  return {found.decode(file, allocate, limits), std::string(found.name)};
}

}  // namespace voxd
