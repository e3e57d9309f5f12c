#include "gpu_transforms/intensity.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

const ScaleIntensityRange kWindow{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};
const Json kWindowJson = {{"a_min", -57}, {"a_max", 164}, {"b_min", 0.0}, {"b_max", 1.0}, {"clip", true}};

void add_casts(const Sizes& sizes, Cases& cases) {
  for (const auto& [from, to] : {std::pair{DType::i16, DType::f32}, std::pair{DType::f32, DType::i16}})
    cases.push_back({.name = words({"cast", name_of(from), "->", name_of(to), to_string(sizes.ct)}),
                     .inputs = {[from = from, ct = sizes.ct] { return body(from, ct); }},
                     .run = [to = to](const Inputs& in, Workspace& w) { return cast_to(in[0], to, w); },
                     .peer = alone("CastToType", {{"dtype", to == DType::i16 ? "int16" : "float32"}})});
}

void add_normalize(const std::string& what, const NormalizeIntensity& params, const std::function<HostVolume()>& input,
                   Cases& cases) {
  cases.push_back(
      {.name = what,
       .inputs = {input},
       .run = [params](const Inputs& in, Workspace& w) { return normalize_intensity(in[0], params, w); },
       .peer = alone("NormalizeIntensity", {{"nonzero", params.nonzero}, {"channel_wise", params.channel_wise}})});
}

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
       .peer = Json::array({chain_for(DType::i16, Json::array({link("ScaleIntensityRange", kWindowJson)}))}),
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
  NormalizeIntensity nonzero, channel_wise;
  nonzero.nonzero = true;
  channel_wise.channel_wise = true;
  add_normalize(words({"normalize f32", at}), {}, f32, cases);
  add_normalize(words({"normalize nonzero f32", at}), nonzero, f32, cases);
  add_normalize(
      words({"normalize channel-wise f32 4 x", to_string(sizes.net)}), channel_wise,
      [net = sizes.net] { return noise(4, net); }, cases);
  add_casts(sizes, cases);
}

}  // namespace voxd::bench
