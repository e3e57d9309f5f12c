#include "tests/bench/network_child.h"

#include <ATen/Parallel.h>
#include <torch/script.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>

#include "models/network.h"
#include "tests/models/fixtures.h"

namespace voxd::bench {
namespace {

HostVolume voxels(const NetworkRun& run) {
  HostVolume volume = make_host_volume(DType::f32, run.channels, {run.size, identity_affine()});
  std::uint32_t state = 1;
  for (float& value : volume.as<float>()) {
    state = state * 1'664'525u + 1'013'904'223u;
    value = static_cast<float>(state >> 8) * 0x1p-23f - 1;
  }
  return volume;
}

/// What a program gets that links libtorch and does nothing else.
std::function<void()> as_by_default(const NetworkRun& run) {
  at::set_num_threads(run.threads);
  auto module = std::make_shared<torch::jit::Module>(torch::jit::load(run.file.string()));
  module->eval();
  auto image = std::make_shared<HostVolume>(voxels(run));
  return [=] {
    const c10::InferenceMode inference;
    module->forward(
        {at::from_blob(image->as<float>().data(), {1, run.channels, run.size[0], run.size[1], run.size[2]})});
  };
}

std::function<void()> as_voxd(const NetworkRun& run, std::string& notes) {
  configure_torch(run.threads);
  NetworkOptions options{run.channels, run.size};
  options.rewrite = run.way != "plain";
  options.precision = run.way == "bf16" ? Precision::bf16 : Precision::fp32;
  const auto network = load_torchscript(run.file, options);
  for (const std::string& note : network->notes()) notes += note + ". ";
  auto rig = std::make_shared<test::Rig>();
  auto input = std::make_shared<DeviceVolume>(upload(voxels(run), rig->workspace));
  rig->stream->synchronize();
  return [=] {
    network->forward(*input, rig->context);
    rig->stream->synchronize();
  };
}

}  // namespace

void serve_runs(const NetworkRun& run) {
  std::string notes;
  const std::function<void()> once = run.way == "default" ? as_by_default(run) : as_voxd(run, notes);
  once();
  std::cout << "ready " << notes << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    once();
    std::cout << std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count()
              << std::endl;
  }
}

}  // namespace voxd::bench
