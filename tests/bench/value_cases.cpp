#include "gpu_transforms/intensity.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

const ScaleIntensityRange kWindow{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};
const Json kWindowJson = {{"a_min", -57}, {"a_max", 164}, {"b_min", 0.0}, {"b_max", 1.0}, {"clip", true}};

}  // namespace

void add_value_cases(const Sizes& sizes, Cases& cases) {
  const std::string at = to_string(sizes.ct);
  const auto f32 = [ct = sizes.ct] { return body(DType::f32, ct); };
  const auto i16 = [ct = sizes.ct] { return body(DType::i16, ct); };
  const auto scale = [](const Inputs& in, Workspace& w) { return scale_intensity_range(in[0], kWindow, w); };
  cases.push_back({.name = words({"scale f32", at}),
                   .inputs = {f32},
                   .run = scale,
                   .peer = alone("ScaleIntensityRange", kWindowJson),
                   .target = 40});
  cases.push_back(
      {.name = words({"scale int16 -> f32", at}),
       .inputs = {i16},
       .run = scale,
       .peer = Json::array({{link("CastToType", {{"dtype", "float32"}}), link("ScaleIntensityRange", kWindowJson)}}),
       .peer_input = {{"dtype", "int16"}},
       .target = 40});
  cases.push_back({.name = words({"scale between minimum and maximum f32", at}),
                   .inputs = {f32},
                   .run = [](const Inputs& in, Workspace& w) { return scale_intensity(in[0], {}, w); },
                   .peer = alone("ScaleIntensity")});
  cases.push_back({.name = words({"percentiles and scale f32", at}),
                   .inputs = {f32},
                   .run =
                       [](const Inputs& in, Workspace& w) {
                         ScaleIntensityRangePercentiles params;
                         params.lower = 0.5;
                         params.upper = 99.5;
                         params.b_min = 0.0;
                         params.b_max = 1.0;
                         params.clip = true;
                         return scale_intensity_range_percentiles(in[0], params, w);
                       },
                   .peer = alone("ScaleIntensityRangePercentiles",
                                 {{"lower", 0.5}, {"upper", 99.5}, {"b_min", 0.0}, {"b_max", 1.0}, {"clip", true}})});
  for (const bool nonzero : {false, true})
    cases.push_back({.name = words({nonzero ? "normalize nonzero f32" : "normalize f32", at}),
                     .inputs = {f32},
                     .run =
                         [nonzero](const Inputs& in, Workspace& w) {
                           NormalizeIntensity params;
                           params.nonzero = nonzero;
                           return normalize_intensity(in[0], params, w);
                         },
                     .peer = alone("NormalizeIntensity", {{"nonzero", nonzero}})});
}

}  // namespace voxd::bench
