#include "models/fuse.h"

#include <algorithm>

#include "models/steps/fused_steps.h"
#include "models/steps/intensity_steps.h"
#include "models/steps/item_steps.h"
#include "models/steps/label_steps.h"
#include "models/steps/spatial_steps.h"

namespace voxd {
namespace {

/// Step `at` if there is one, of that kind, of this one item.
template <class Kind>
const Kind* step_of(const Steps& steps, std::size_t at, const std::string& key) {
  if (at >= steps.size() || steps[at]->keys() != std::vector{key}) return nullptr;
  return dynamic_cast<const Kind*>(steps[at].get());
}

void replace(Steps& steps, std::size_t at, std::size_t count, std::unique_ptr<const Step> by) {
  steps[at] = std::move(by);
  steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(at + 1),
              steps.begin() + static_cast<std::ptrdiff_t>(at + count));
}

/// Nothing but the index of the largest, in a type that stays.
bool is_argmax(const AsDiscrete& params) {
  return params.argmax && !params.to_onehot && !params.threshold && !params.rounding &&
         keeps_labels(params.dtype, DType::u8) && keeps_labels(params.dtype, DType::u16);
}

bool is_softmax(const Activations& params) { return params.softmax && !params.sigmoid; }

void fuse_scale_crop_resize(Steps& pre) {
  for (std::size_t i = 0; i < pre.size(); ++i) {
    if (pre[i]->keys().size() != 1) continue;
    const std::string key = pre[i]->keys()[0];
    const auto* scale = step_of<Intensity<ScaleIntensityRange>>(pre, i, key);
    const auto* crop = step_of<CropForegroundd>(pre, i + 1, key);
    const auto* resize = step_of<Resized>(pre, i + 2, key);
    if (!scale || !crop || !resize || crop->source_key != key) continue;
    if (crop->padding[0].mode != PadMode::constant) continue;
    const Resize& how = resize->params[0];
    if (how.mode != Interpolation::area || how.anti_aliasing) continue;
    CropForeground foreground = crop->params;
    foreground.padding = crop->padding[0];
    replace(pre, i, 3, std::make_unique<ScaleCropResized>(key, scale->params, std::move(foreground), how));
  }
}

/// Whether a step leaves the values and their type as they are.
bool only_moves(const Step& step) {
  if (dynamic_cast<const LeaveAsIs*>(&step) || dynamic_cast<const Orientationd*>(&step)) return true;
  const auto* type = dynamic_cast<const ToType*>(&step);
  return type && std::none_of(type->dtypes.begin(), type->dtypes.end(), [](const auto& dtype) { return dtype; });
}

/// Steps that read integers as they are, and make of them what they would make of float32.
bool reads_integers(const Step& step) {
  return dynamic_cast<const Spacingd*>(&step) || dynamic_cast<const ScaleCropResized*>(&step) ||
         dynamic_cast<const Intensity<ScaleIntensityRange>*>(&step);
}

void leave_integers(Steps& pre) {
  if (pre.empty() || !dynamic_cast<const ToFloat32*>(pre[0].get())) return;
  const std::vector<std::string> keys = pre[0]->keys();
  std::size_t next = 1;
  while (next < pre.size() && only_moves(*pre[next]) && pre[next]->keys() == keys) ++next;
  if (next < pre.size() && reads_integers(*pre[next]) && pre[next]->keys() == keys)
    pre[0] = std::make_unique<ToFloat32>(keys, true);
}

/// Where nothing was moved before, there is nothing to take back.
void leave_out_inverses(const Steps& pre, Steps& post) {
  const auto moves = [](const auto& step) { return step->moves_voxels(); };
  if (std::any_of(pre.begin(), pre.end(), moves)) return;
  const auto end = std::find_if(post.begin(), post.end(), moves);
  post.erase(
      std::remove_if(post.begin(), end, [](const auto& step) { return dynamic_cast<const Invertd*>(step.get()); }),
      end);
}

void leave_out_softmax(Steps& post) {
  for (std::size_t i = 0; i + 1 < post.size(); ++i) {
    if (post[i]->keys().size() != 1) continue;
    const auto* active = step_of<Activationsd>(post, i, post[i]->keys()[0]);
    const auto* discrete = step_of<AsDiscreted>(post, i + 1, post[i]->keys()[0]);
    if (active && discrete && is_softmax(active->params[0]) && discrete->params[0].argmax)
      post.erase(post.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void fuse_invert_argmax(Steps& post) {
  for (std::size_t i = 0; i + 1 < post.size(); ++i) {
    if (post[i]->keys().size() != 1) continue;
    const std::string key = post[i]->keys()[0];
    const auto* invert = step_of<Invertd>(post, i, key);
    const auto* discrete = step_of<AsDiscreted>(post, i + 1, key);
    if (invert && discrete && is_argmax(discrete->params[0]))
      replace(post, i, 2, std::make_unique<InvertArgmaxd>(key, invert->orig_keys[0], invert->nearest_interp[0]));
  }
}

void fuse_inferer_argmax(Bundle& bundle) {
  const auto* discrete = step_of<AsDiscreted>(bundle.post, 0, "pred");
  if (!discrete || !is_argmax(discrete->params[0])) return;
  bundle.labelling = bundle.inferer->labelling();
}

}  // namespace

void fuse(Bundle& bundle) {
  fuse_scale_crop_resize(bundle.pre);
  leave_integers(bundle.pre);
  leave_out_inverses(bundle.pre, bundle.post);
  leave_out_softmax(bundle.post);
  fuse_invert_argmax(bundle.post);
  fuse_inferer_argmax(bundle);
}

}  // namespace voxd
