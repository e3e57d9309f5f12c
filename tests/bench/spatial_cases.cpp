#include "gpu_transforms/invert.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

Resize resize_to(const Int3& size, Interpolation mode, bool anti_aliasing = false) {
  Resize params;
  params.spatial_size = {size[0], size[1], size[2]};
  params.mode = mode;
  params.anti_aliasing = anti_aliasing;
  return params;
}

/// Only the box leaves the function; the bench wants a volume.
DeviceVolume nothing_of(Workspace& workspace) { return {DType::u8, 1, {{1, 1, 1}, identity_affine()}, workspace}; }

/// The image's part of a size, for steps that go to the network's.
Int3 halved(const Int3& size) { return {(size[0] + 1) / 2, (size[1] + 1) / 2, size[2]}; }

void add_crops(const Sizes& sizes, Cases& cases) {
  const std::string at = to_string(sizes.ct);
  const auto f32 = [ct = sizes.ct] { return body(DType::f32, ct); };
  const auto i16 = [ct = sizes.ct] { return body(DType::i16, ct); };
  const auto box = [](const Inputs& in, Workspace& w) {
    foreground_box(in[0], {}, w);
    return nothing_of(w);
  };
  cases.push_back({.name = words({"foreground box f32", at}),
                   .inputs = {f32},
                   .run = box,
                   .peer = alone("foreground_box"),
                   .target = 100});
  cases.push_back({.name = words({"foreground box int16", at}),
                   .inputs = {i16},
                   .run = box,
                   .peer = alone("foreground_box"),
                   .target = 100});
  cases.push_back(
      {.name = words({"crop f32", at, "->", to_string(sizes.body.size())}),
       .inputs = {f32},
       .run = [part = sizes.body](const Inputs& in, Workspace& w) { return crop(in[0], part, 0, w); },
       .peer = alone("SpatialCrop", {{"roi_start", list(sizes.body.start)}, {"roi_end", list(sizes.body.end)}})});
  cases.push_back(
      {.name = words({"crop to the foreground f32", at}),
       .inputs = {f32},
       .run = [](const Inputs& in, Workspace& w) { return crop(in[0], foreground_box(in[0], {}, w), 0, w); },
       .peer = alone("CropForeground")});
}

void add_pads(const Sizes& sizes, Cases& cases) {
  const Int3 from = sizes.ct, to = {from[0] + 16, from[1] + 16, from[2] + 14};
  for (const PadMode mode : {PadMode::constant, PadMode::edge, PadMode::reflect, PadMode::minimum})
    cases.push_back({.name = words({"pad", name_of(mode), "f32", to_string(from), "->", to_string(to)}),
                     .inputs = {[from] { return body(DType::f32, from); }},
                     .run =
                         [to, mode](const Inputs& in, Workspace& w) {
                           return spatial_pad(in[0], {{to[0], to[1], to[2]}, false, {mode, 0}}, w);
                         },
                     .peer = alone("SpatialPad", {{"spatial_size", list(to)}, {"mode", name_of(mode)}})});
}

void add_orientations(const Sizes& sizes, Cases& cases) {
  for (const char* axcodes : {"LPS", "RAI", "SRA"})
    cases.push_back({.name = words({"orientation to", axcodes, "f32", to_string(sizes.ct)}),
                     .inputs = {[ct = sizes.ct] { return body(DType::f32, ct); }},
                     .run = [axcodes](const Inputs& in, Workspace& w) { return orientation(in[0], axcodes, w); },
                     .peer = alone("Orientation", {{"axcodes", axcodes}, {"labels", nullptr}})});
}

void add_resize(const std::string& what, std::int32_t channels, const Int3& from, const Resize& params, double target,
                Cases& cases) {
  const Int3 to = resized(from, params);
  Json json = {{"spatial_size", list(to)}, {"mode", name_of(params.mode)}, {"anti_aliasing", params.anti_aliasing}};
  cases.push_back({.name = words({what, "f32", std::to_string(channels), "x", to_string(from), "->", to_string(to)}),
                   .inputs = {[channels, from] { return noise(channels, from); }},
                   .run = [params](const Inputs& in, Workspace& w) { return resize(in[0], params, w); },
                   .peer = alone("Resize", std::move(json)),
                   .target = target});
}

}  // namespace

void add_spatial_cases(const Sizes& sizes, Cases& cases) {
  add_crops(sizes, cases);
  add_pads(sizes, cases);
  add_orientations(sizes, cases);
  const Int3 part = sizes.body.size(), half = halved(sizes.ct);
  add_resize("area", 1, part, resize_to(sizes.net == part ? half : sizes.net, Interpolation::area), 7, cases);
  add_resize("area", 2, sizes.net, resize_to(part, Interpolation::area), 0, cases);
  add_resize("trilinear", 1, sizes.ct, resize_to(half, Interpolation::trilinear), 0, cases);
  add_resize("nearest", 1, sizes.ct, resize_to(half, Interpolation::nearest), 0, cases);
  add_resize("nearest-exact", 1, sizes.ct, resize_to(half, Interpolation::nearest_exact), 0, cases);
  add_resize("anti-aliased trilinear", 1, sizes.ct, resize_to(half, Interpolation::trilinear, true), 0, cases);
}

}  // namespace voxd::bench
