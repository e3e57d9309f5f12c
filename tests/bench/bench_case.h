#pragma once

#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "gpu_transforms/pad.h"
#include "gpu_transforms/windows.h"

namespace voxd::bench {

using Json = nlohmann::json;
using Inputs = std::vector<DeviceVolume>;

/// One row of the table: a step, or a chain of steps, on data of one size.
struct Case {
  std::string name;
  std::vector<std::function<HostVolume()>> inputs;
  /// Returns what it has made. What it does not wait for is waited for by the bench.
  std::function<DeviceVolume(const Inputs&, Workspace&)> run;
  /// The chain of MONAI transforms for each of the first inputs, as peer.py takes them; empty: there is none.
  Json peer = Json::array();
  /// How MONAI gets the data: "layout" ("channels_last"), "affine". Its type is ours, but for labels, which are float32
  /// in MONAI.
  Json peer_input = Json::object();
  double target = 0;            ///< times MONAI's speed; 0: none
  bool bound_by_memory = true;  ///< whether bytes in and out say anything
  double bytes = 0;             ///< that it reads and writes at least; 0: its inputs and its result
};
using Cases = std::vector<Case>;

/// Whether a chain runs with neighbours in one pass, as the server fuses a bundle's steps (models/fuse.h), or step by
/// step as a bundle says it.
enum class Form { fused, written };
inline constexpr Form kForms[] = {Form::fused, Form::written};
/// The words for it in a row's name.
std::string_view name_of(Form form);

/// The sizes that the steps are measured at.
struct Sizes {
  Int3 ct;              ///< the image as scanned
  Box body;             ///< the part of it that is no air
  Int3 net;             ///< what the network sees
  Int3 mask;            ///< a noisy label map
  Int3 spaced;          ///< the image at the spacing that windows are cut at
  std::int32_t window;  ///< voxels along each axis of a window
};
Sizes real_sizes();
Sizes cubes_of(std::int32_t n);

void add_value_cases(const Sizes& sizes, Cases& cases);
void add_spatial_cases(const Sizes& sizes, Cases& cases);
void add_grid_cases(const Sizes& sizes, Cases& cases);
void add_label_cases(const Sizes& sizes, Cases& cases);
void add_window_cases(const Sizes& sizes, Cases& cases);
void add_chain_cases(const Sizes& sizes, Cases& cases);
void add_bundle_cases(const Sizes& sizes, Cases& cases);

// ---- data ----

/// Air at -1024 around a body of noise, as in a CT.
HostVolume body(DType dtype, const Int3& size);
/// An ellipsoid with a rough surface and a few crumbs around it.
HostVolume organ(const Int3& size);
/// The mask with one voxel in fifty turned over.
HostVolume peppered(HostVolume mask);
/// The mask cut into so many slabs along X, labels 1, 2, ...
HostVolume organs(const Int3& size, int labels);
/// Labels 0..classes-1 at random.
HostVolume any_labels(const Int3& size, int classes);
/// Labels 0 and 1, one voxel in ten being 1: the most components that there can be, nearly.
HostVolume speckled(const Int3& size);
/// Values of 0..1.
HostVolume noise(std::int32_t channels, const Int3& size);
/// Two channels of which the second wins inside of the organ.
HostVolume organ_logits(const Int3& size);

/// A network's predictor that costs nothing: whatever it is given, it answers with the first of these channels.
/// `answers` must have as many as the largest batch asks for.
WindowPredictor answer_with(const DeviceVolume& answers, std::int32_t channels);

/// The words with blanks between them.
std::string words(std::initializer_list<std::string_view> parts);

/// How a CT of 0.79 x 0.79 x 5 mm lies, and the same at an angle with a shear; and how a body lies in most of them.
inline constexpr Affine kStraight = {{{0.79, 0, 0, 0}, {0, 0.79, 0, 0}, {0, 0, 5, 0}, {0, 0, 0, 1}}};
inline constexpr Affine kOblique = {{{0.79, 0.02, 0.1, 0}, {-0.03, 0.79, 0.2, 0}, {0.01, 0.02, 5, 0}, {0, 0, 0, 1}}};
inline constexpr Affine kSupine = {{{-0.79, 0, 0, 0}, {0, -0.79, 0, 0}, {0, 0, 5, 0}, {0, 0, 0, 1}}};
HostVolume placed(HostVolume volume, const Affine& affine);

// ---- MONAI's side ----

/// {"transform": name, parameters...}
Json link(const std::string& transform, Json parameters = Json::object());
/// The chain of one transform for the only input.
Json alone(const std::string& transform, Json parameters = Json::object());
Json list(const Int3& values);
/// The chain for an image of that type: from integers MONAI makes float32 first, in the time that is measured, as we
/// do.
Json chain_for(DType dtype, Json steps);

}  // namespace voxd::bench
