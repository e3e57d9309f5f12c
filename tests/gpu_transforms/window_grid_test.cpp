#include <map>

#include "tests/support/window_samples.h"

namespace window_grid_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

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

TEST_CASE("no two lines that are needed at once have one place", "[windows]") {
  Random random(134);
  CAPTURE(random.seed());
  int fewer = 0;
  for (int round = 0; round < 2000; ++round) {
    SlidingWindows params = windows_of({random.between(1, 12), random.between(1, 12), 2}, 0);
    params.overlap = {random.real(0, 0.95), random.real(0, 0.95), 0};
    const WindowGrid grid = window_grid({random.between(1, 40), random.between(1, 40), 2}, params);
    const std::array<PredictedAxis, 3> axes = predicted_axes(grid, grid.roi());
    const auto& [x, y, z] = axes;
    const SumLines lines = fewest_lines(axes);
    CAPTURE(round, x.size, x.roi, x.windows.interval, y.size, y.roi, y.windows.interval, lines.slots, lines.lines);
    REQUIRE(std::int64_t{lines.slots} * lines.lines <= std::int64_t{std::min(x.roi, x.size)} * y.size);
    fewer += lines.lines != y.size;
    // Window by window: what no window from this one on touches gives up its place, then the window's lines take
    // theirs.
    std::map<std::int64_t, std::pair<int, int>> held;
    for (int i = 0; i < x.windows.count; ++i)
      for (int j = 0; j < y.windows.count; ++j) {
        const int next_x = i + 1 < x.windows.count ? x.begin(i + 1) : x.size;
        std::erase_if(held, [&](const auto& place) {
          const auto [at_x, at_y] = place.second;
          return at_x < x.begin(i) || (at_x < next_x && at_y < y.begin(j));
        });
        for (int at_x = x.begin(i); at_x < x.end(i); ++at_x)
          for (int at_y = y.begin(j); at_y < y.end(j); ++at_y) {
            const std::int64_t place = lines.of(at_x, at_y);
            REQUIRE(place >= 0);
            REQUIRE(place < std::int64_t{lines.slots} * lines.lines);
            const auto [other, is_new] = held.try_emplace(place, at_x, at_y);
            REQUIRE(other->second == std::pair(at_x, at_y));
          }
      }
  }
  CHECK(fewer > 500);
  // Of a whole body, 105 classes of which take 3.1 GB there, not 4.6.
  const WindowGrid body = window_grid({287, 287, 397}, windows_of({96}, 0.25));
  const SumLines lines = fewest_lines(predicted_axes(body, body.roi()));
  CHECK(lines.slots == 49);
  CHECK(lines.lines == 287 + 96);
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

}  // namespace window_grid_test
