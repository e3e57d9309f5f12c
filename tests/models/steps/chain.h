#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/steps/step.h"
#include "tests/models/fixtures.h"

// Steps made as a bundle's configuration makes them, and run one after the other.
namespace voxd::test {

/// The step of this text, which may refer to "@preprocessing" and "@other".
inline std::unique_ptr<const Step> make(const std::string& step) {
  const Config config = Config::parse(
      R"({"preprocessing": {"_target_": "Compose"}, "other": {"_target_": "Compose"}, "t": )" + step + "}",
      Config::Format::json, "inference.json");
  return make_step(Params(config, "t"));
}

/// What making the step fails with; empty when it does not fail.
inline std::string refusal(const std::string& step) {
  return message_of([&] { make(step); });
}

/// Runs steps on one image, or on copies of it under several names, and hands out what they made of it.
struct Chain {
  explicit Chain(const HostVolume& image, const std::vector<std::string>& keys = {"image"}) {
    for (const std::string& key : keys) dictionary.items[key] = {upload(image, rig.workspace), {}};
  }

  Chain& then(const std::string& step) {
    make(step)->apply(dictionary, rig.context);
    return *this;
  }
  HostVolume result(const std::string& key = "image") {
    HostVolume volume = download(dictionary.at(key).volume, rig.workspace);
    rig.stream->synchronize();
    return volume;
  }
  const SpatialTrace& trace(const std::string& key = "image") { return dictionary.at(key).trace; }

  Rig rig;
  Dictionary dictionary;
};

/// Voxel (x,y,z) is 100x + 10y + z more than the first.
inline HostVolume ramp(const Int3& size, const Affine& affine = identity_affine(), int first = 0) {
  return volume_of<std::int16_t>(
      size, [=](int x, int y, int z) { return 100 * x + 10 * y + z + first; }, affine);
}

}  // namespace voxd::test
