#include "gpu_transforms/windows.h"

#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_windows.h"

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

/// The reference's network on host memory, for `count` windows of which each has one channel to read from.
void predict(const float* in, std::int64_t step, const Int3& roi, int count, int channels, const Vec3& factor,
             const Int3& size, float* out) {
  for (int w = 0; w < count; ++w)
    for (int c = 0; c < channels; ++c)
      for_each_voxel(size, [&](int i, int j, int k) {
        const Int3 at = {i, j, k};
        Int3 from;
        for (int a = 0; a < 3; ++a) from[a] = std::min(static_cast<int>(at[a] / factor[a]), roi[a] - 1);
        const float value = in[w * step + (std::int64_t{from[0]} * roi[1] + from[1]) * roi[2] + from[2]];
        *out++ = predicted(value, c, i, j, k);
      });
}

/// The same, as work of the stream, in the workspace's memory.
WindowPredictor network(int channels, const Vec3& factor, Workspace& workspace) {
  return [=, &workspace](const DeviceVolume& windows, std::int32_t count) {
    const Int3 roi = windows.size();
    Int3 size;
    for (int a = 0; a < 3; ++a) size[a] = static_cast<int>(roi[a] * factor[a]);
    const std::int64_t step = windows.channels() / count * windows.geometry().voxels();
    const Geometry geometry{size, identity_affine()};
    Stream& stream = workspace.stream();
    if (stream.is_cuda()) {
      const HostVolume in = download(windows, workspace);
      stream.synchronize();
      HostVolume out = make_host_volume(DType::f32, count * channels, geometry);
      predict(in.as<float>().data(), step, roi, count, channels, factor, size, out.as<float>().data());
      const DeviceVolume result = upload(out, workspace);
      stream.synchronize();
      return result;
    }
    DeviceVolume result(DType::f32, count * channels, geometry, workspace);
    const float* in = windows.data<float>();
    float* out = result.mutable_data<float>();
    stream.enqueue([=] { predict(in, step, roi, count, channels, factor, size, out); });
    return result;
  };
}

struct Sample {
  HostVolume image;
  SlidingWindows params;
  int channels;
  Vec3 factor{1, 1, 1};
};

SlidingWindows windows_of(std::vector<int> roi, double overlap, WindowMode mode = WindowMode::constant) {
  SlidingWindows params;
  params.roi_size = std::move(roi);
  params.overlap = {overlap};
  params.mode = mode;
  return params;
}

Sample some_case(Random& random) {
  const auto extent = [&](int longest) { return random.one_in(5) ? 1 : random.between(1, longest); };
  Sample sample{random.intensities(DType::f32, random.between(1, 2), {extent(13), extent(15), extent(24)}), {}, 1};
  SlidingWindows& params = sample.params;
  sample.channels = random.between(1, 3);
  params.roi_size = {random.between(-1, 9), random.between(-1, 9), random.between(-1, 14)};
  if (random.one_in(4)) params.roi_size = {random.between(0, 9)};
  constexpr double overlaps[] = {0, 0.25, 0.5, 0.625, 0.7, 0.9};
  params.overlap = {overlaps[random.between(0, 5)]};
  if (random.one_in(2)) params.overlap = {random.real(0, 0.99), overlaps[random.between(0, 5)], random.real(0, 0.8)};
  params.sw_batch_size = random.between(1, 5);
  if (random.one_in(2)) params.mode = WindowMode::gaussian;
  if (random.one_in(2)) params.sigma_scale = {random.real(0.05, 1)};
  if (random.one_in(3)) params.sigma_scale = {random.real(0.05, 1), random.real(0.05, 1), random.real(-1, -0.05)};
  constexpr PadMode modes[] = {PadMode::constant, PadMode::edge, PadMode::reflect, PadMode::wrap};
  params.padding.mode = modes[random.between(0, 3)];
  if (params.padding.mode == PadMode::constant && random.one_in(2)) params.padding.value = random.real(-9, 9);
  constexpr double factors[] = {0.5, 1, 2};
  if (random.one_in(3))
    for (double& factor : sample.factor) factor = factors[random.between(0, 2)];
  return sample;
}

/// Whether torch would pad it so.
bool can_be_padded(const Sample& sample) {
  for (std::size_t a = 0; a < 3; ++a) {
    const int roi = sample.params.roi_size[sample.params.roi_size.size() == 1 ? 0 : a];
    const int n = sample.image.geometry.size[a], after = (std::max(roi - n, 0) + 1) / 2;
    if (sample.params.padding.mode == PadMode::reflect && after >= n && after > 0) return false;
    if (sample.params.padding.mode == PadMode::wrap && after > n) return false;
  }
  return true;
}

DeviceVolume blend(const Sample& sample, const DeviceVolume& image, Workspace& workspace) {
  return blend_windows(image, sample.params, network(sample.channels, sample.factor, workspace), workspace);
}

std::string refusal_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    CHECK(error.code() == Code::invalid_argument);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("blended windows equal MONAI's loop over its list of them, bit for bit", "[windows]") {
  Random random(130);
  CAPTURE(random.seed());
  int whole = 0, refused = 0;
  for (int round = 0; round < 200; ++round) {
    const Sample sample = some_case(random);
    CAPTURE(round, to_string(sample.image.geometry.size), sample.params.roi_size, sample.params.overlap, sample.factor);
    const auto wanted = can_be_padded(sample)
                            ? reference_windows(sample.image, sample.params, sample.channels, sample.factor)
                            : std::nullopt;
    const bool fits = wanted && wanted->size()[0] > 0 && wanted->size()[1] > 0 && wanted->size()[2] > 0;
    ++(wanted ? whole : refused);
    if (!wanted) {
      on_every_backend([&](Bench& bench) {
        const DeviceVolume image = upload(sample.image, bench.workspace());
        REQUIRE_FALSE(refusal_of([&] { blend(sample, image, bench.workspace()); }).empty());
      });
    } else if (fits) {
      on_every_backend(
          sample.image, [&](const DeviceVolume& image, Workspace& w) { return blend(sample, image, w); },
          [&](const HostVolume& result) {
            REQUIRE(result.geometry == Geometry{wanted->size(), sample.image.geometry.affine});
            REQUIRE(result.channels == sample.channels);
            REQUIRE(differences(result, wanted->voxels()) == 0);
          });
    }
  }
  CHECK(whole > 100);
  CHECK(refused > 5);
}

TEST_CASE("slabs are the planes of the whole in order, and their labels its argmax", "[windows]") {
  Random random(131);
  CAPTURE(random.seed());
  for (int round = 0; round < 100; ++round) {
    const Sample sample = some_case(random);
    CAPTURE(round, to_string(sample.image.geometry.size), sample.params.roi_size, sample.params.overlap, sample.factor);
    if (!can_be_padded(sample)) continue;
    const auto wanted = reference_windows(sample.image, sample.params, sample.channels, sample.factor);
    if (!wanted || wanted->size()[0] == 0 || wanted->size()[1] == 0 || wanted->size()[2] == 0) continue;
    on_every_backend([&](Bench& bench) {
      Workspace& workspace = bench.workspace();
      const DeviceVolume image = upload(sample.image, workspace);
      const WindowPredictor predict = network(sample.channels, sample.factor, workspace);
      const HostVolume labels = download(label_windows(image, sample.params, predict, workspace), workspace);
      const HostVolume all = download(argmax(blend(sample, image, workspace), workspace), workspace);
      bench.stream().synchronize();
      REQUIRE(labels.geometry == all.geometry);
      const auto got = labels.as<std::uint8_t>(), expected = all.as<std::uint8_t>();
      REQUIRE(std::equal(got.begin(), got.end(), expected.begin(), expected.end()));
    });
  }
}

TEST_CASE("a slab is handed out as soon as no later window touches it, with its place", "[windows]") {
  Random random(132);
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& workspace = bench.workspace();
  const HostVolume host = random.intensities(DType::f32, 1, {20, 5, 6}, false);
  const Geometry geometry{host.geometry.size, {{{2, 0, 0, 7}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}};
  const SlidingWindows params = windows_of({8, 5, 6}, 0.5);  // windows at 0, 4, 8, 12
  const WindowGrid grid = window_grid(geometry.size, params);
  REQUIRE(grid.count() == 4);
  std::vector<std::pair<int, int>> planes;
  std::vector<float> values;
  WindowAccumulator accumulator(geometry, grid, params, 1, grid.roi(), workspace,
                                [&](const DeviceVolume& slab, std::int32_t first_x, const Geometry& whole) {
                                  CHECK(whole == geometry);
                                  CHECK(slab.geometry().affine[0][3] == 7 + 2 * first_x);
                                  planes.emplace_back(first_x, slab.size()[0]);
                                  const HostVolume part = download(slab, workspace);
                                  workspace.stream().synchronize();
                                  values.insert(values.end(), part.as<float>().begin(), part.as<float>().end());
                                });
  const DeviceVolume image = upload(host, workspace);
  for (int i = 0; i < 4; ++i) {
    CHECK(planes.size() == static_cast<std::size_t>(i));
    accumulator.add(gather_windows(image, grid, i, 1, workspace), 1);
    if (i == 0) planes.emplace_back(0, 0);
  }
  CHECK(accumulator.finish().empty());
  planes.erase(planes.begin());
  CHECK(planes == std::vector<std::pair<int, int>>{{0, 4}, {4, 4}, {8, 4}, {12, 8}});
  CHECK(values == std::vector<float>(host.as<float>().begin(), host.as<float>().end()));
}

TEST_CASE("importance maps are the plain product of three normal distributions, floored", "[windows]") {
  Random random(133);
  CAPTURE(random.seed());
  for (int round = 0; round < 100; ++round) {
    SlidingWindows params = windows_of({0}, 0, random.one_in(5) ? WindowMode::constant : WindowMode::gaussian);
    params.sigma_scale = {random.real(0.02, 1), random.real(0.02, 1), random.real(0.02, 1)};
    const Int3 roi = random.size(30);
    CAPTURE(round, to_string(roi), params.sigma_scale);
    const std::vector<float> wanted = reference_importance_map(roi, params).voxels();
    on_every_backend([&](Bench& bench) {
      const HostVolume map = download(importance_map(roi, params, bench.workspace()), bench.workspace());
      bench.stream().synchronize();
      REQUIRE(differences(map, wanted) == 0);
    });
  }
}

TEST_CASE("windows start where float64 arithmetic in Python puts them", "[windows]") {
  const auto starts = [](int size, int roi, double overlap) {
    const WindowAxis axis = window_grid({size, 1, 1}, windows_of({roi, 1, 1}, overlap)).axes[0];
    std::vector<int> result;
    for (int i = 0; i < axis.count; ++i) result.push_back(axis.start(i));
    return result;
  };
  CHECK(starts(200, 96, 0.5) == std::vector<int>{0, 48, 96, 104});
  CHECK(starts(192, 96, 0.5) == std::vector<int>{0, 48, 96});
  CHECK(starts(300, 160, 0.1) == std::vector<int>{0, 140});
  CHECK(starts(13, 10, 0.9) == std::vector<int>{0, 1, 2, 3});  // 10 * (1 - 0.9) < 1
  CHECK(starts(124, 96, 0.7) == std::vector<int>{0, 28});      // 96 * (1 - 0.7) = 28.8
  CHECK(starts(7, 12, 0.5) == std::vector<int>{0});
}

TEST_CASE("what MONAI refuses of windows is refused by name", "[windows]") {
  const Int3 image = {8, 8, 8};
  const auto refusal = [&](auto change, const Int3& size) {
    SlidingWindows params = windows_of({4}, 0.25);
    change(params);
    return refusal_of([&] { window_grid(size, params); });
  };
  CHECK(refusal([](SlidingWindows& p) { p.overlap = {1}; }, image) == "overlap: 1, must be in [0, 1)");
  CHECK_THAT(refusal([](SlidingWindows& p) { p.overlap = {-0.1}; }, image), Contains("overlap: -0.1"));
  CHECK_THAT(refusal([](SlidingWindows& p) { p.overlap = {NAN}; }, image), Contains("overlap: nan"));
  CHECK_THAT(refusal([](SlidingWindows& p) { p.roi_size = {4, 4}; }, image), Contains("roi_size: 2 values"));
  CHECK_THAT(refusal([](SlidingWindows& p) { p.overlap = {0, 0}; }, image), Contains("overlap: 2 values"));
  CHECK_THAT(refusal([](SlidingWindows& p) { p.sigma_scale = {}; }, image), Contains("sigma_scale: 0 values"));
  CHECK_THAT(refusal([](SlidingWindows& p) { p.sigma_scale = {0}; }, image), Contains("sigma_scale: 0"));
  CHECK_THAT(refusal([](SlidingWindows& p) { p.sw_batch_size = 0; }, image), Contains("sw_batch_size: 0"));
  CHECK_THAT(refusal([](SlidingWindows& p) { p.padding.mode = PadMode::symmetric; }, image), Contains("symmetric"));
  CHECK_THAT(refusal([](SlidingWindows&) {}, {8, 0, 8}), Contains("8x0x8"));
  CHECK_THAT(refusal([](SlidingWindows& p) { p.roi_size = {2'000'000'000}; }, image), Contains("63 bits"));
  const auto wrap = [](SlidingWindows& p) { p.padding.mode = PadMode::wrap; };
  CHECK_THAT(refusal(wrap, {8, 8, 1}), Contains("padding_mode: \"circular\" of 1 voxels"));
  CHECK(refusal(wrap, {8, 8, 2}).empty());
  const auto filled = [](SlidingWindows& p) { p.padding = {PadMode::edge, 3}; };
  CHECK_THAT(refusal(filled, {8, 8, 1}), Contains("cval: 3"));
  CHECK(refusal(filled, image).empty());  // no window is larger
}

TEST_CASE("a network whose answers do not fit the windows is refused", "[windows]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& workspace = bench.workspace();
  const HostVolume host = make_host_volume(DType::f32, 1, {{9, 9, 9}, identity_affine()});
  const DeviceVolume image = upload(host, workspace);
  const auto answers = [&](std::function<DeviceVolume(int)> answer) {
    int call = 0;
    const WindowPredictor predict = [&](const DeviceVolume&, std::int32_t) { return answer(call++); };
    return refusal_of([&] { blend_windows(image, windows_of({6}, 0.5), predict, workspace); });
  };
  const auto volume = [&](std::int32_t channels, const Int3& size) {
    return DeviceVolume(DType::f32, channels, {size, identity_affine()}, workspace);
  };
  CHECK_THAT(answers([&](int) { return volume(0, {6, 6, 6}); }), Contains("network: 0 channels"));
  CHECK_THAT(answers([&](int) { return volume(1, {6, 0, 6}); }), Contains("network: 0 voxels for a window of 6"));
  CHECK_THAT(answers([&](int call) { return volume(1 + call, {6, 6, 6}); }), Contains("expected 1x6x6x6"));
  CHECK_THAT(answers([&](int call) { return volume(1, {6, 6, 6 - call}); }), Contains("network: 1x6x6x5"));
  // 44 * (3 / 11.0) is 12, 55 * (3 / 11.0) is less than 15: MONAI then adds 3 voxels to 2.
  const WindowGrid grid = window_grid({55, 9, 9}, windows_of({11, 9, 9}, 0));
  CHECK_THAT(refusal_of([&] {
               predicted_axes(grid, {3, 9, 9});
             }),
             Contains("network: 3 voxels for a window of 11 do not fit windows that are 11 voxels apart in 55"));
}

TEST_CASE("windows take no more memory than they say", "[windows][memory]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& workspace = bench.workspace();
  const HostVolume host = make_host_volume(DType::f32, 1, {{40, 30, 20}, identity_affine()});
  const DeviceVolume image = upload(host, workspace);
  SlidingWindows params = windows_of({10, 16, 12}, 0.5, WindowMode::gaussian);
  params.sw_batch_size = 3;
  const std::int64_t window = 10 * 16 * 12 * 4, volume = 40 * 30 * 20 * 4;
  const auto peak_of = [&](auto run) {
    const std::int64_t before = workspace.bytes_in_use();
    workspace.reset_peak();
    run();
    return workspace.peak_bytes() - before;
  };
  // Three windows in and six channels of them out, before or beside the accumulator and the weights.
  const std::int64_t batch = 3 * window + 6 * window, weights = window;
  const std::int64_t whole = peak_of([&] {
    blend_windows(image, params, network(2, {1, 1, 1}, workspace), workspace);
  });
  CHECK(whole <= batch + weights + 2 * volume);
  CHECK(whole >= 2 * volume + weights + 3 * window);
  const std::int64_t slabs = peak_of([&] {
    label_windows(image, params, network(2, {1, 1, 1}, workspace), workspace);
  });
  const std::int64_t planes = 10 * 30 * 20 * 4;
  CHECK(slabs <= batch + weights + 2 * planes + 2 * planes + volume / 4);
}

namespace {

constexpr int kClasses = 105;

int label_at(int x, int y, int z) { return (x * 7 + y * 3 + z) % kClasses; }

/// Predicts 1 for a voxel's class and 0 for the others. One buffer serves all windows: the ones of the window before
/// are taken back.
class OneHotNetwork {
 public:
  OneHotNetwork(const WindowGrid& grid, Workspace& workspace)
      : grid_(grid), volume_(DType::f32, kClasses, {grid.roi(), identity_affine()}, workspace) {
    std::fill_n(volume_.mutable_data<float>(), volume_.count(), 0.0f);
  }
  DeviceVolume next() {
    for (float* one : ones_) *one = 0;
    ones_.clear();
    const Int3 at = grid_.index(window_++);
    Int3 start;
    for (std::size_t a = 0; a < 3; ++a) start[a] = grid_.axes[a].start(at[a]);
    float* out = volume_.mutable_data<float>();
    const std::int64_t voxels = volume_.geometry().voxels();
    for_each_voxel(grid_.roi(), [&](int x, int y, int z) {
      ones_.push_back(out++ + label_at(x + start[0], y + start[1], z + start[2]) * voxels);
      *ones_.back() = 1;
    });
    return volume_;
  }

 private:
  const WindowGrid grid_;
  DeviceVolume volume_;
  std::vector<float*> ones_;
  std::int64_t window_ = 0;
};

/// One job on memory that is not poisoned, which would take longer than the rest.
struct Job {
  std::unique_ptr<Stream> stream = make_cpu_stream();
  MemoryPool pool{cpu_allocator(), {}};
  Workspace workspace{*stream, pool};

  HostVolume run(const Int3& size, const SlidingWindows& params, bool slabs) {
    OneHotNetwork network(window_grid(size, params), workspace);
    const WindowPredictor predict = [&](const DeviceVolume&, std::int32_t) { return network.next(); };
    const DeviceVolume image(DType::f32, 1, {size, identity_affine()}, workspace);
    const DeviceVolume labels = slabs ? label_windows(image, params, predict, workspace)
                                      : argmax(blend_windows(image, params, predict, workspace), workspace);
    HostVolume result = download(labels, workspace);
    stream->synchronize();
    return result;
  }
};

std::int64_t wrong_labels(const HostVolume& labels) {
  const std::uint8_t* label = labels.as<std::uint8_t>().data();
  std::int64_t count = 0;
  for_each_voxel(labels.geometry.size, [&](int x, int y, int z) { count += *label++ != label_at(x, y, z); });
  return count;
}

}  // namespace

#ifdef NDEBUG  // four billion sums, which take minutes in a build that is not optimised
TEST_CASE("105 classes are blended and labelled within 2 GB on the grid of a whole body", "[windows][memory]") {
  Job job;
  SlidingWindows params = windows_of({24, 48, 40}, 0);
  params.overlap = {0.25, 0, 0};
  const HostVolume labels = job.run({287, 287, 397}, params, true);
  CHECK(job.workspace.peak_bytes() < 2'000'000'000);
  CHECK(wrong_labels(labels) == 0);
}
#endif

TEST_CASE("105 classes labelled slab by slab are those of the whole volume", "[windows]") {
  // A plane takes 10 MB: what one row of windows completes is handed out in several slabs.
  const Int3 size = {20, 100, 240};
  const SlidingWindows params = windows_of({10, 50, 60}, 0.25, WindowMode::gaussian);
  Job job;
  const HostVolume slabs = job.run(size, params, true);
  const std::int64_t slabs_peak = job.workspace.peak_bytes();
  const HostVolume whole = job.run(size, params, false);
  CHECK(wrong_labels(whole) == 0);
  CHECK(slabs_peak < job.workspace.peak_bytes());
  const auto a = slabs.as<std::uint8_t>(), b = whole.as<std::uint8_t>();
  CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
}
