#include "gpu_transforms/windows.h"

#include "tests/support/window_samples.h"

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

TEST_CASE("blended windows equal MONAI's loop over its list of them, bit for bit", "[windows]") {
  Random random(130);
  CAPTURE(random.seed());
  int blended = 0, refused = 0;
  for (int round = 0; round < 200; ++round) {
    const Sample sample = some_case(random);
    CAPTURE(round, to_string(sample.image.geometry.size), sample.params.roi_size, sample.params.overlap, sample.factor);
    const auto wanted = can_be_padded(sample)
                            ? reference_windows(sample.image, sample.params, sample.channels, sample.factor)
                            : std::nullopt;
    const bool fits = wanted && wanted->size()[0] > 0 && wanted->size()[1] > 0 && wanted->size()[2] > 0;
    if (!wanted) {
      ++refused;
      on_every_backend([&](Bench& bench) {
        const DeviceVolume image = upload(sample.image, bench.workspace());
        REQUIRE_FALSE(refusal_of([&] { blend(sample, image, bench.workspace()); }).empty());
      });
    } else if (fits) {
      ++blended;
      on_every_backend(
          sample.image, [&](const DeviceVolume& image, Workspace& w) { return blend(sample, image, w); },
          [&](const HostVolume& result) {
            REQUIRE(result.geometry == Geometry{wanted->size(), sample.image.geometry.affine});
            REQUIRE(result.channels == sample.channels);
            REQUIRE(differences(result, wanted->voxels()) == 0);
          });
    }
  }
  CHECK(blended > 100);
  CHECK(refused > 5);
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
