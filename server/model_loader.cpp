#include "server/model_loader.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <utility>

#include "server/errors.h"
#include "server/warm_up.h"

namespace voxd {

ModelLoader::ModelLoader(ModelChanges& changes, ModelRepository& models, WorkerResources resources, Hooks hooks)
    : changes_(changes), models_(models), resources_(std::move(resources)), hooks_(std::move(hooks)) {
  thread_ = std::jthread([this] { make_changes(); });
}

ModelLoader::~ModelLoader() { changes_.close(); }

void ModelLoader::make_changes() {
  hooks_.on_start();
  while (const std::optional<ModelChange> change = changes_.pop()) {
    std::optional<Error> why_not;
    try {
      make(*change);
    } catch (...) {
      why_not = current_error();
      spdlog::warn("{}", why_not->what());
    }
    hooks_.changed(*change, !why_not);
    change->answer(why_not ? &*why_not : nullptr);
  }
}

void ModelLoader::make(const ModelChange& change) {
  const auto prepare = [this](const Model& model) { warm_up(model, resources_); };
  switch (change.kind) {
    case ModelChange::Kind::load: models_.load(change.model, prepare); break;
    case ModelChange::Kind::unload: models_.unload(change.model); break;
    case ModelChange::Kind::rescan: models_.rescan(prepare); break;
  }
}

}  // namespace voxd
