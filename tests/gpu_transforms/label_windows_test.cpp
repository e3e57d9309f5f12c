#include <algorithm>
#include <cmath>
#include <iostream>

#include "gpu_transforms/labels.h"
#include "tests/support/window_samples.h"

namespace label_windows_test {

using namespace voxd;
using namespace voxd::test;

namespace {

constexpr int kClasses = 105;

/// Of the largest channel of each voxel the index: of equal ones the first, and the first NaN before all.
std::vector<std::uint8_t> largest_channels(const Grid<float>& scores, int channels) {
  std::vector<std::uint8_t> labels;
  for_each_voxel(scores.size(), [&](int x, int y, int z) {
    int best = 0;
    for (int c = 1; c < channels; ++c) {
      const float value = scores.at(c, x, y, z), largest = scores.at(best, x, y, z);
      if (!std::isnan(largest) && (std::isnan(value) || value > largest)) best = c;
    }
    labels.push_back(static_cast<std::uint8_t>(best));
  });
  return labels;
}

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

  HostVolume run(const Int3& size, const SlidingWindows& params, bool blocks) {
    OneHotNetwork network(window_grid(size, params), workspace);
    const WindowPredictor predict = [&](const DeviceVolume&, std::int32_t) { return network.next(); };
    const DeviceVolume image(DType::f32, 1, {size, identity_affine()}, workspace);
    const DeviceVolume labels = blocks ? label_windows(image, params, predict, workspace)
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

TEST_CASE("labels made block by block are the argmax of the loop over all windows", "[windows]") {
  Random random(131);
  CAPTURE(random.seed());
  int compared = 0, several = 0;
  for (int round = 0; round < 100; ++round) {
    const Sample sample = some_case(random);
    CAPTURE(round, to_string(sample.image.geometry.size), sample.params.roi_size, sample.params.overlap, sample.factor);
    if (!can_be_padded(sample)) continue;
    const auto wanted = reference_windows(sample.image, sample.params, sample.channels, sample.factor);
    if (!wanted || wanted->size()[0] == 0 || wanted->size()[1] == 0 || wanted->size()[2] == 0) continue;
    const std::vector<std::uint8_t> expected = largest_channels(*wanted, sample.channels);
    ++compared;
    several += std::any_of(expected.begin(), expected.end(), [&](std::uint8_t label) { return label != expected[0]; });
    on_every_backend([&](Bench& bench) {
      Workspace& workspace = bench.workspace();
      const DeviceVolume image = upload(sample.image, workspace);
      const WindowPredictor predict = network(sample.channels, sample.factor, workspace);
      const HostVolume labels = download(label_windows(image, sample.params, predict, workspace), workspace);
      bench.stream().synchronize();
      REQUIRE(labels.geometry == Geometry{wanted->size(), sample.image.geometry.affine});
      REQUIRE(differences(labels, expected) == 0);
    });
  }
  CHECK(compared > 50);
  CHECK(several > 20);  // images of more than one label
}

TEST_CASE("105 classes are blended and labelled within 2 GB on the grid of a whole body", "[windows][memory]") {
#ifndef NDEBUG
  std::cout << "SKIPPED: " << Catch::getResultCapture().getCurrentTestName()
            << ": four billion sums take minutes unoptimised\n";
#else
  Job job;
  SlidingWindows params = windows_of({24, 48, 40}, 0);
  params.overlap = {0.25, 0, 0};
  const HostVolume labels = job.run({287, 287, 397}, params, true);
  CHECK(job.workspace.peak_bytes() < 2'000'000'000);
  CHECK(wrong_labels(labels) == 0);
#endif
}

TEST_CASE("105 classes labelled block by block are those of the whole volume", "[windows]") {
  // 80 lines of a plane take 8 MB: what the last row of windows completes is handed out in two blocks.
  const Int3 size = {20, 100, 240};
  const SlidingWindows params = windows_of({10, 80, 60}, 0.25, WindowMode::gaussian);
  Job job;
  const HostVolume blocks = job.run(size, params, true);
  const std::int64_t blocks_peak = job.workspace.peak_bytes();
  const HostVolume whole = job.run(size, params, false);
  CHECK(wrong_labels(whole) == 0);
  CHECK(blocks_peak < job.workspace.peak_bytes());
  const auto a = blocks.as<std::uint8_t>(), b = whole.as<std::uint8_t>();
  CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
}

}  // namespace label_windows_test
