#include "gpu_transforms/simt.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <numeric>
#include <regex>

#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/fused.h"
#include "gpu_transforms/gaussian_smooth.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/spacing.h"
#include "tests/golden_runner/compare.h"
#include "tests/golden_runner/golden_case.h"
#include "tests/support/catch.h"
#include "tests/support/random_volume.h"

using namespace voxd;
using namespace voxd::golden;

namespace {

constexpr std::int64_t kSmall = 6000;  // voxels: each row of a team costs a meeting of threads

const std::filesystem::path kFolder = VOXD_GOLDEN_DIR;

/// Something that kernels do, and what is wrong with it on a stream: empty if nothing.
struct Probe {
  std::string name;
  std::function<std::string(Workspace&)> fault;
};

std::int64_t voxels(const nlohmann::json& array) {
  const std::vector<std::int64_t> shape = array.at("shape");
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

bool is_small(const Case& golden) {
  const nlohmann::json& entry = golden.entry;
  return entry.at("input").contains("shape") && voxels(entry.at("input")) <= kSmall && entry.contains("output") &&
         voxels(entry.at("output")) <= kSmall;
}

Probe golden_probe(const Case& golden) {
  return {golden.id,
          [golden](Workspace& workspace) { return difference(golden, run_case(golden, kFolder, workspace), kFolder); }};
}

using Transform = std::function<DeviceVolume(const DeviceVolume&, Workspace&)>;

std::vector<std::byte> bytes_of(const Transform& transform, const HostVolume& input, Workspace& workspace) {
  const HostVolume output = download(transform(upload(input, workspace), workspace), workspace);
  workspace.stream().synchronize();
  return {output.voxels.data(), output.voxels.data() + output.voxels.size()};
}

/// For what no golden has: the serial backend's result stands in for one.
Probe serial_probe(const std::string& name, HostVolume volume, const Transform& transform) {
  const auto input = std::make_shared<const HostVolume>(std::move(volume));
  return {name, [input, transform](Workspace& workspace) {
            const auto serial = make_cpu_stream(Backend::serial);
            MemoryPool pool(cpu_allocator(), {});
            Workspace reference(*serial, pool);
            return bytes_of(transform, *input, workspace) == bytes_of(transform, *input, reference)
                       ? ""
                       : "other voxels than on one thread";
          }};
}

std::vector<Probe> probes() {
  const Int3 long_rows = {5, 6, 140};  // more than one word of a mask
  const auto percentiles = [](const DeviceVolume& volume, Workspace& workspace) {
    return scale_intensity_range_percentiles(volume, {.lower = 3, .upper = 88, .b_min = 0.0, .b_max = 1.0}, workspace);
  };
  std::vector<Probe> all;
  for (const DType dtype : {DType::f32, DType::i16})
    all.push_back(serial_probe("percentiles", test::Random().intensities(dtype, 2, long_rows, false), percentiles));
  all.push_back(serial_probe("contour", test::Random().labels(DType::u8, 1, long_rows, 1, 0.02), label_to_contour));
  const auto fused_to = [](const Int3& size) {
    return [size](const DeviceVolume& volume, Workspace& workspace) {
      const ScaleIntensityRange scaling{.a_min = -90, .a_max = 80, .b_min = {}, .b_max = {}};
      return scale_crop_resize_area(volume, scaling, {{0, 0, -1}, volume.size()}, 0, size, workspace);
    };
  };
  const auto integers = [](const Int3& size) { return test::Random().intensities(DType::i16, 1, size); };
  all.push_back(serial_probe("scaled rows in tiles", integers({5, 6, 20}), fused_to({4, 5, 15})));
  all.push_back(serial_probe("scaled rows, wide bins", integers({5, 6, 20}), fused_to({2, 2, 3})));
  all.push_back(serial_probe("scaled rows, too long for tiles", integers({8, 8, 800}), fused_to({1, 1, 500})));
  const auto minimum = [](const DeviceVolume& volume, Workspace& workspace) {
    return spatial_pad(volume, {.spatial_size = {6, 7, 20}, .padding = {PadMode::minimum}}, workspace);
  };
  all.push_back(serial_probe("pad minimum", integers({5, 6, 17}), minimum));
  const auto smoothed = [](const DeviceVolume& volume, Workspace& workspace) {
    return gaussian_smooth(volume, {0.7, 1.1, 1.5}, workspace);
  };
  all.push_back(serial_probe("smoothing", test::Random().intensities(DType::f32, 1, {5, 6, 20}, false), smoothed));
  const auto undone = [](const DeviceVolume& volume, Workspace& workspace) {
    Geometry image{{5, 4, 12}, identity_affine()};
    Spacing coarser;
    coarser.pixdim = {1, 1, 2};
    const AppliedSpacing step{image, spaced(image, coarser), {}};
    return argmax_on_grid(volume, {step}, false, workspace);
  };
  all.push_back(
      serial_probe("undone spacing and argmax", test::Random().intensities(DType::f32, 3, {5, 4, 6}, false), undone));
  for (const Case& golden : read_index(kFolder))
    if (!golden.entry.contains("raises") && !is_deviation(golden) && is_small(golden))
      all.push_back(golden_probe(golden));
  return all;
}

std::string fault(const Probe& probe, const SimtOptions& options) {
  const auto stream = make_simt_stream(options);
  MemoryPool pool(cpu_allocator(), {.limit_bytes = 0, .poison = true});
  Workspace workspace(*stream, pool);
  try {
    return probe.fault(workspace);
  } catch (const Error& error) {
    return error.what();
  }
}

/// The same in a process of its own, which a kernel without its sync() may well destroy, or send round in circles.
bool is_fault_noticed(const Probe& probe, const SimtOptions& options) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(10);
    for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) signal(number, SIG_DFL);
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    _exit(fault(probe, options).empty() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status != 0;
}

/// Every sync() call in the kernels' sources, by file name.
std::set<SyncSite> sites_in_sources() {
  std::set<SyncSite> sites;
  const std::regex call(R"(^[^/]*\bteam\.sync\(\))");
  for (const auto& file : std::filesystem::directory_iterator(VOXD_SOURCE_DIR "/gpu_transforms")) {
    const std::string extension = file.path().extension();
    if (extension != ".cu" && extension != ".h") continue;
    std::ifstream in(file.path());
    std::string line;
    for (std::uint32_t number = 1; std::getline(in, line); ++number)
      if (std::regex_search(line, call)) sites.insert({file.path().filename(), number});
  }
  return sites;
}

SyncSite by_file_name(const SyncSite& site) { return {std::filesystem::path(site.file).filename(), site.line}; }

}  // namespace

TEST_CASE("small goldens pass with the lanes of a team as threads", "[simt]") {
  const int lanes = GENERATE(1, 3, 32);
  const std::vector<Probe> all = probes();
  REQUIRE(all.size() > 100);
  for (const Probe& probe : all) {
    INFO(probe.name << " with " << lanes << " lanes");
    CHECK(fault(probe, {.lanes = lanes, .seed = static_cast<std::uint64_t>(lanes)}) == "");
  }
}

TEST_CASE("every sync() of the kernels is met by a golden, and without it one fails", "[simt]") {
  const std::vector<Probe> all = probes();
  std::map<SyncSite, std::vector<const Probe*>> met;
  for (const Probe& probe : all) {
    SyncSites sites;
    INFO(probe.name);
    REQUIRE(fault(probe, {.lanes = 3, .order = LaneOrder::ascending, .sync_sites = &sites}) == "");
    for (const SyncSite& site : sites.met()) met[site].push_back(&probe);
  }

  std::set<SyncSite> found;
  for (const auto& [site, users] : met) found.insert(by_file_name(site));
  for (const SyncSite& site : sites_in_sources()) {
    INFO(site.file << ":" << site.line << " is met by no golden");
    CHECK(found.contains(site));
  }

  for (const auto& [site, users] : met) {
    SyncSites sites;
    sites.skip(site);
    const bool noticed = std::any_of(users.begin(), users.end(), [&](const Probe* probe) {
      for (const LaneOrder order : {LaneOrder::ascending, LaneOrder::descending})
        for (const std::uint64_t seed : {0, 1}) {
          const SimtOptions whole{.lanes = 3, .order = order, .seed = seed};
          SimtOptions without = whole;
          without.sync_sites = &sites;
          if (!is_fault_noticed(*probe, without)) continue;
          // That the process ended badly says something only if it would not have done so anyway.
          INFO(probe->name << " with all of its sync()");
          REQUIRE_FALSE(is_fault_noticed(*probe, whole));
          return true;
        }
      return false;
    });
    INFO(site.file << ":" << site.line << " can be left out of " << users.size() << " goldens");
    CHECK(noticed);
  }
}
