#include "models/inferer.h"

#include "gpu_transforms/labels.h"
#include "gpu_transforms/windows.h"
#include "models/bundle.h"
#include "tests/gpu_transforms/streams.h"
#include "tests/models/bundle_folder.h"
#include "tests/support/catch.h"

namespace inferer_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

/// The threshold's answer plus the place in the window, so that it tells how windows were cut and blended; remembers
/// what it was asked.
class PlaceNetwork final : public ThresholdNetwork {
 public:
  PlaceNetwork() : ThresholdNetwork(0.5f) {}

  DeviceVolume forward_batch(const DeviceVolume& inputs, std::int32_t batch, JobContext& context) const override {
    batches.push_back(batch);
    sizes.push_back(inputs.size());
    DeviceVolume output = ThresholdNetwork::forward_batch(inputs, batch, context);
    float* out = output.mutable_data<float>();
    const std::int64_t count = output.count(), nz = inputs.size()[2];
    context.stream().enqueue([=] {
      for (std::int64_t i = 0; i < count; ++i) out[i] += static_cast<float>(i % nz);
    });
    return output;
  }

  mutable std::vector<std::int32_t> batches;
  mutable std::vector<Int3> sizes;
};

std::unique_ptr<const Inferer> inferer_of(const std::string& json) {
  return read_inferer(Config::parse(R"({"inferer": )" + json + "}", Config::Format::json, "inference.json"));
}

std::string refusal(const std::string& json) {
  return message_of([&] { inferer_of(json); });
}

HostVolume ramp(const Int3& size) {
  return volume_of<float>(size, [](int x, int y, int z) { return static_cast<float>(x * y + z % 5) / 16; });
}

std::vector<float> values_of(const DeviceVolume& volume, Rig& rig) {
  const HostVolume host = download(volume, rig.workspace);
  rig.stream->synchronize();
  return {host.as<float>().begin(), host.as<float>().end()};
}

std::vector<float> infer(const std::string& json, const HostVolume& image, const Network& network, Rig& rig) {
  return values_of(inferer_of(json)->run(network, upload(image, rig.workspace), rig.context), rig);
}

constexpr const char* windows =
    R"({"_target_": "SlidingWindowInferer", "roi_size": [8, 6, 10], "sw_batch_size": 4, "overlap": 0.5})";

}  // namespace

TEST_CASE("a sliding-window inferer computes what its parameters say", "[inferer]") {
  const HostVolume image = ramp({14, 9, 21});
  for (const StreamKind& kind : cpu_streams()) {
    CAPTURE(kind.name);
    Rig rig(kind.make(), 0, true);
    const PlaceNetwork network;
    const std::vector<float> answer = infer(
        R"json({"_target_": "monai.inferers.SlidingWindowInferer", "roi_size": [8, -1, 24], "sw_batch_size": 2,
            "overlap": [0.5, 0.25, 0.75], "mode": "gaussian", "sigma_scale": 0.3, "padding_mode": "constant", "cval": -1,
            "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')", "sw_device": "cuda:1",
            "progress": true, "cache_roi_weight_map": true, "cpu_thresh": 400000, "buffer_steps": 2, "buffer_dim": 0,
            "with_coord": false
  })json",
        image, network, rig);
    SlidingWindows params;
    params.roi_size = {8, 0, 24};
    params.sw_batch_size = 2;
    params.overlap = {0.5, 0.25, 0.75};
    params.mode = WindowMode::gaussian;
    params.sigma_scale = {0.3};
    params.padding = {PadMode::constant, -1};
    const PlaceNetwork second;
    const DeviceVolume wanted = blend_windows(
        upload(image, rig.workspace), params,
        [&](const DeviceVolume& in, std::int32_t count) { return second.forward_batch(in, count, rig.context); },
        rig.workspace);
    const std::vector<float> expected = values_of(wanted, rig);
    CHECK(std::equal(answer.begin(), answer.end(), expected.begin(), expected.end()));
    CHECK(network.batches == std::vector<std::int32_t>{2, 1});
    CHECK(network.sizes == std::vector<Int3>(2, Int3{8, 9, 24}));
  }
}

TEST_CASE("a window as large as the image gives what the network gives of the image", "[inferer]") {
  const HostVolume image = ramp({7, 8, 9});
  Rig rig;
  const PlaceNetwork network;
  const std::vector<float> whole = infer(R"({"_target_": "SimpleInferer"})", image, network, rig);
  for (const char* roi : {"null", "0", "[-1, 0, null]", "[7, 8, 9]"}) {
    CAPTURE(roi);
    const std::vector<float> answer = infer(
        R"({"_target_": "SlidingWindowInfererAdapt", "roi_size": )" + std::string(roi) + "}", image, network, rig);
    CHECK(std::equal(answer.begin(), answer.end(), whole.begin(), whole.end()));
    CHECK(network.sizes.back() == Int3{7, 8, 9});
  }
}

TEST_CASE("an image smaller than a window keeps its grid", "[inferer]") {
  const BundleFolder bundle(R"({"preprocessing": {"_target_": "Compose", "transforms": [)" + load_step + R"(]},
          "inferer": {"_target_": "SlidingWindowInferer", "roi_size": 16, "padding_mode": "replicate"},
          "postprocessing": {"_target_": "Compose", "transforms": [)" +
                            argmax_step + R"(, {"_target_": "SaveImaged", "keys": "pred"}]}})");
  const auto network = std::make_shared<ThresholdNetwork>(0.5f);
  const auto pipeline = Pipeline::load(bundle.path, -1, network);
  const HostVolume image = ramp({5, 20, 3});
  for (const StreamKind& kind : cpu_streams()) {
    CAPTURE(kind.name);
    Rig rig(kind.make(), 0, true);
    const PipelineResult result = pipeline->run(images_of(ramp({5, 20, 3})), rig.context);
    const HostVolume& mask = result.at("pred");
    CHECK(mask.geometry == image.geometry);
    for (std::size_t i = 0; i < 300; ++i) REQUIRE(mask.as<std::uint8_t>()[i] == (image.as<float>()[i] > 0.5f));
    CHECK(rig.workspace.bytes_in_use() == 0);
  }
}

TEST_CASE("a job is given up between two batches of windows", "[inferer]") {
  const HostVolume image = ramp({14, 9, 21});
  const auto inferer = inferer_of(windows);
  for (const StreamKind& kind : cpu_streams()) {
    CAPTURE(kind.name);
    Rig rig(kind.make());
    const DeviceVolume volume = upload(image, rig.workspace);
    PlaceNetwork network;
    network.during_forward = [&] {
      if (network.calls == 2) rig.context.cancel.cancel();
    };
    CHECK(code_of([&] { inferer->run(network, volume, rig.context); }) == "cancelled");
    CHECK(network.calls == 2);

    Rig late(kind.make());
    PlaceNetwork slow;
    slow.during_forward = [&] {
      if (slow.calls == 3) late.context.deadline = Clock::now() - std::chrono::seconds(1);
    };
    CHECK(code_of([&] { inferer->run(slow, upload(image, late.workspace), late.context); }) == "deadline_exceeded");
    CHECK(slow.calls == 3);
    late.stream->synchronize();
    CHECK(late.workspace.bytes_in_use() == 0);
  }
}

TEST_CASE("the network's stage goes forward with each batch of windows", "[inferer]") {
  Rig rig;
  std::vector<double> reports;
  rig.context.progress = [&](Stage stage, double fraction) {
    CHECK(stage == Stage::network);
    reports.push_back(fraction);
  };
  const PlaceNetwork network;
  infer(windows, ramp({14, 9, 21}), network, rig);
  // 3 x 2 x 4 windows, four at once.
  REQUIRE(network.batches == std::vector<std::int32_t>(6, 4));
  REQUIRE(reports.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(reports[i] == Approx(4.0 * static_cast<double>(i + 1) / 25));
}

TEST_CASE("inferers that voxd does not have, and parameters that it cannot honour, are refused by name", "[inferer]") {
  const auto sliding = [](const std::string& more) {
    return refusal(R"({"_target_": "SlidingWindowInferer", "roi_size": 8, )" + more + "}");
  };
  CHECK(sliding(R"("mode": "constant")").empty());
  CHECK(refusal(R"({"_target_": "SliceInferer", "roi_size": 8})") ==
        "inference.json: inferer._target_: the inferer 'SliceInferer' is not supported, only SimpleInferer, "
        "SlidingWindowInferer and SlidingWindowInfererAdapt");
  CHECK_THAT(refusal("3"), Contains("inference.json: inferer: expected a component, found 3"));
  CHECK(refusal(R"({"_target_": "SlidingWindowInferer"})") == "inference.json: inferer.roi_size: is missing");
  CHECK_THAT(sliding(R"("with_coord": true)"), Contains("inferer.with_coord: True is not supported"));
  CHECK_THAT(sliding(R"("overlaps": 0.5)"), Contains("inferer.overlaps: is not a parameter of SlidingWindowInferer"));
  CHECK(sliding(R"("overlap": 1.0)") == "inference.json: inferer: overlap: 1, must be in [0, 1)");
  CHECK_THAT(sliding(R"("overlap": [0.5, 0.5])"), Contains("inferer.overlap: expected one number or a list of 3, got"));
  CHECK_THAT(sliding(R"("overlap": [0.5])"), Contains("got a list of 1"));
  CHECK_THAT(sliding(R"("sigma_scale": 0)"), Contains("sigma_scale: 0, must be finite and not 0"));
  CHECK_THAT(sliding(R"("sw_batch_size": 0)"), Contains("sw_batch_size: 0, at least 1"));
  CHECK_THAT(sliding(R"("mode": "Gaussian")"), Contains("inferer.mode: expected 'constant' or 'gaussian'"));
  CHECK_THAT(sliding(R"("padding_mode": "edge")"), Contains("inferer.padding_mode: expected 'constant', 'reflect', "));
  CHECK_THAT(refusal(R"({"_target_": "SlidingWindowInferer", "roi_size": [8, 8.5, 8]})"),
             Contains("inferer.roi_size: expected whole numbers of at most 31 bits or None, found [8, 8.5, 8]"));
  CHECK_THAT(refusal(R"({"_target_": "SlidingWindowInferer", "roi_size": [8, 3000000000, 8]})"),
             Contains("expected whole numbers of at most 31 bits"));
  CHECK_THAT(refusal(R"({"_target_": "SlidingWindowInferer", "roi_size": [8, 8]})"), Contains("got a list of 2"));
}

TEST_CASE("the memory that sliding windows state is what they then need, or up to a fifth more", "[inferer][memory]") {
  const std::string gaussian = R"({"_target_": "SlidingWindowInferer", "roi_size": [48, 64, 24], "mode": "gaussian"})";
  for (const std::string& json : {std::string(windows), gaussian})
    for (const Int3& size : {Int3{60, 70, 50}, Int3{50, 60, 70}, Int3{30, 70, 50}, Int3{26, 26, 26}}) {
      CAPTURE(json, to_string(size));
      const ThresholdNetwork network(0.5f);
      const auto inferer = inferer_of(json);
      MemoryPlan plan;
      const PlannedVolume planned(DType::f32, 1, {size, identity_affine()}, plan);
      const PlannedVolume output = inferer->plan(network, planned, plan);
      CHECK(output.size == size);
      CHECK(output.channels == 2);
      Rig rig;
      inferer->run(network, upload(ramp(size), rig.workspace), rig.context);
      const std::int64_t measured = rig.workspace.peak_bytes();
      CHECK(plan.peak_bytes() >= measured);
      CHECK(static_cast<double>(plan.peak_bytes()) <= 1.2 * static_cast<double>(measured));
    }
}

TEST_CASE("an inferer that labels gives the argmax, in the memory that it states", "[inferer][memory]") {
  const std::string gaussian = R"({"_target_": "SlidingWindowInferer", "roi_size": [16, 64, 24], "mode": "gaussian"})";
  for (const std::string& json : {std::string(windows), gaussian})
    for (const Int3& size : {Int3{60, 70, 50}, Int3{150, 60, 70}, Int3{10, 70, 50}}) {
      CAPTURE(json, to_string(size));
      const ThresholdNetwork network(0.5f);
      const auto inferer = inferer_of(json), labelling = inferer->labelling();
      REQUIRE(labelling);
      Rig rig;
      const DeviceVolume image = upload(ramp(size), rig.workspace);
      const HostVolume wanted =
          download(argmax(inferer->run(network, image, rig.context), rig.workspace), rig.workspace);
      MemoryPlan plan;
      const PlannedVolume planned(DType::f32, 1, {size, identity_affine()}, plan);
      const PlannedVolume output = labelling->plan(network, planned, plan);
      CHECK(output.dtype == DType::u8);
      rig.workspace.reset_peak();
      const HostVolume got = download(labelling->run(network, image, rig.context), rig.workspace);
      rig.stream->synchronize();
      CHECK(std::ranges::equal(got.voxels.bytes(), wanted.voxels.bytes()));
      CHECK(got.geometry == wanted.geometry);
      const std::int64_t measured = rig.workspace.peak_bytes();
      CHECK(plan.peak_bytes() >= measured);
      CHECK(static_cast<double>(plan.peak_bytes()) <= 1.2 * static_cast<double>(measured));
    }
  CHECK_FALSE(inferer_of(R"({"_target_": "SimpleInferer"})")->labelling());
}

TEST_CASE("a network is warmed up on windows where their size is known", "[inferer][bundle]") {
  const auto warm_up_size = [](const std::string& inferer, const std::string& serving) {
    const BundleFolder bundle(R"({"preprocessing": {"_target_": "Compose", "transforms": [)" + load_step +
                                  R"(]}, "inferer": )" + inferer + "}",
                              "", serving);
    return read_bundle(bundle.path, false).warm_up_size;
  };
  CHECK(warm_up_size(windows, "") == Int3{8, 6, 10});
  CHECK(warm_up_size(windows, R"({"warm_up_size": [16, 16, 16]})") == Int3{16, 16, 16});
  CHECK(warm_up_size(R"({"_target_": "SlidingWindowInferer", "roi_size": 12})", "") == Int3{12, 12, 12});
  CHECK(warm_up_size(R"({"_target_": "SlidingWindowInferer", "roi_size": [12, -1, 12]})", "") == Int3{64, 64, 64});
  CHECK(inferer_of(windows)->batch() == 4);
}

}  // namespace inferer_test
