#include "gpu_transforms/windows.h"

#include <cmath>

#include "tests/support/window_samples.h"

namespace windows_test {

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

TEST_CASE("a block is handed out as soon as no later window touches it, with its place", "[windows]") {
  Random random(132);
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& workspace = bench.workspace();
  HostVolume host = random.intensities(DType::f32, 1, {20, 9, 6}, false);
  for (float& value : host.as<float>()) value = std::round(value);  // means of equal whole numbers are exact
  const Geometry geometry{host.geometry.size, {{{2, 0, 0, 7}, {0, 3, 0, 1}, {0, 0, 1, 0}, {0, 0, 0, 1}}}};
  const SlidingWindows params = windows_of({8, 4, 6}, 0.5);  // at 0, 4, 8, 12 of X and 0, 2, 4, 5 of Y
  const WindowGrid grid = window_grid(geometry.size, params);
  REQUIRE(grid.count() == 16);
  using Lines = std::array<int, 4>;  // first and count along X, first and count along Y
  std::vector<Lines> blocks;
  Grid<float> blended(1, geometry.size, 0);
  WindowAccumulator accumulator(geometry, grid, params, 1, grid.roi(), workspace,
                                [&](const DeviceVolume& block, int first_x, int first_y, const Geometry& whole) {
                                  CHECK(whole == geometry);
                                  CHECK(block.geometry().affine[0][3] == 7 + 2 * first_x);
                                  CHECK(block.geometry().affine[1][3] == 1 + 3 * first_y);
                                  blocks.push_back({first_x, block.size()[0], first_y, block.size()[1]});
                                  const HostVolume part = download(block, workspace);
                                  workspace.stream().synchronize();
                                  const float* value = part.as<float>().data();
                                  for_each_voxel(block.size(), [&](int x, int y, int z) {
                                    blended.at(0, first_x + x, first_y + y, z) = *value++;
                                  });
                                });
  const DeviceVolume image = upload(host, workspace);
  std::vector<Lines> expected;
  for (int x = 0; x < 4; ++x)
    for (int y = 0; y < 4; ++y) {
      accumulator.add(gather_windows(image, grid, 4 * x + y, 1, workspace), 1);
      CHECK(blocks == expected);
      constexpr int starts[] = {0, 2, 4, 5, 9};
      expected.push_back({4 * x, x == 3 ? 8 : 4, starts[y], starts[y + 1] - starts[y]});
    }
  CHECK(accumulator.finish().empty());
  CHECK(blocks == expected);
  CHECK(blended.voxels() == std::vector<float>(host.as<float>().begin(), host.as<float>().end()));
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
  const std::int64_t blocks = peak_of([&] {
    label_windows(image, params, network(2, {1, 1, 1}, workspace), workspace);
  });
  // Of windows of 10 planes, 5 apart, along a plane's 30 lines and a window's 16; then a block, and labels of a byte.
  const std::int64_t lines = 5 * (30 + 16) * 20 * 4, block = 10 * 16 * 20 * 4;
  CHECK(blocks <= batch + weights + 2 * lines + 2 * block + volume / 4);
}

}  // namespace windows_test
