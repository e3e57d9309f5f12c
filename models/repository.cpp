#include "models/repository.h"

#include <algorithm>
#include <set>
#include <utility>

namespace voxd {
namespace {

void require_all(const std::vector<std::string>& names, const std::vector<Deployment>& found) {
  for (const std::string& name : names)
    if (std::none_of(found.begin(), found.end(), [&](const Deployment& model) { return model.name == name; }))
      fail(Code::not_found, "model repository: there is no model '", name, "'");
}

template <class Range, class Value>
bool contains(const Range& range, const Value& value) {
  return std::find(range.begin(), range.end(), value) != range.end();
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

ModelRepository::ModelRepository(std::filesystem::path folder, Options options)
    : folder_(std::move(folder)),
      options_(std::move(options)),
      probe_(options_.probe_limit.count() > 0 ? std::make_unique<NetworkProbe>(options_.probe_limit) : nullptr) {
  const std::vector<Deployment> found = scan();
  require_all(options_.only, found);
  for (const Deployment& model : found) bring_up(model, {});
}

ModelRepository::ModelRepository(std::vector<Model> models) {
  for (Model& model : models) {
    const Key key{model.name, std::stoll(model.version), model.version};
    ModelStatus status;
    status.name = model.name;
    status.version = model.version;
    status.ready = true;
    entries_[key] = {std::move(status), std::make_shared<const Model>(std::move(model)), "", false};
  }
}

std::shared_ptr<const Model> ModelRepository::find(const std::string& name, const std::string& version) const {
  const std::lock_guard lock(mutex_);
  // A version that could not be loaded does not hide an older one that serves.
  const Entry* newest = nullptr;
  for (const auto& [key, entry] : entries_) {
    if (key.name != name || (!version.empty() && key.version != version)) continue;
    if (entry.model || !newest || !newest->model) newest = &entry;
  }
  if (!newest) {
    const std::string which = version.empty() ? "'" + name + "'" : "'" + name + "' version " + version;
    fail(Code::not_found, "Request for unknown model: ", which, " is not found");
  }
  if (!newest->model) fail(Code::unavailable, "model '", name, "' is not ready: ", newest->status.reason);
  return newest->model;
}

std::vector<ModelStatus> ModelRepository::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<ModelStatus> statuses;
  for (const auto& [key, entry] : entries_) statuses.push_back(entry.status);
  return statuses;
}

bool ModelRepository::ready() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(entries_.begin(), entries_.end(), [](const auto& entry) { return entry.second.status.ready; });
}

void ModelRepository::load(const std::string& name, const Prepare& prepare) {
  const std::lock_guard one_at_a_time(changing_);
  std::vector<Deployment> found = scan();
  std::erase_if(found, [&](const Deployment& model) { return model.name != name; });
  if (found.empty()) fail(Code::not_found, "failed to load '", name, "': the model repository has no such model");
  std::set<Key> there;
  for (const Deployment& version : found) {
    bring_up(version, prepare);
    there.insert(key_of(version));
  }
  forget([&](const Key& key) { return key.name == name && !there.count(key); });

  const ModelStatus newest = status_of(key_of(found.back()));
  if (!newest.reason.empty())
    fail(Code::failed_precondition, "failed to load '", name, "' version ", newest.version, ": ", newest.reason);
}

void ModelRepository::unload(const std::string& name) {
  const std::lock_guard one_at_a_time(changing_);
  std::vector<std::shared_ptr<const Model>> unloaded;  // dies after the lock: memory is given back then
  const std::lock_guard lock(mutex_);
  bool known = false;
  for (auto& [key, entry] : entries_) {
    if (key.name != name) continue;
    known = true;
    unloaded.push_back(std::exchange(entry.model, nullptr));
    entry.status.ready = false;
    entry.status.reason = "unloaded";
    entry.unloaded = true;
  }
  if (!known) fail(Code::not_found, "Request for unknown model: '", name, "' is not found");
}

void ModelRepository::rescan(const Prepare& prepare) {
  const std::lock_guard one_at_a_time(changing_);
  std::set<Key> there;
  for (const Deployment& model : scan()) {
    there.insert(key_of(model));
    if (!is_unloaded(model.name)) bring_up(model, prepare);
  }
  forget([&](const Key& key) { return !there.count(key); });
}

std::vector<Deployment> ModelRepository::scan() const {
  std::vector<Deployment> found = scan_repository(folder_, options_.files);
  if (!options_.only.empty())
    std::erase_if(found, [&](const Deployment& model) {
      return !contains(options_.only, model.name) && !contains(options_.files, model.path);
    });
  return found;
}

std::shared_ptr<const Pipeline> ModelRepository::load_pipeline(const Deployment& found) const {
  CheckNetwork check;
  if (probe_) check = [this](const auto& file, const NetworkOptions& options) { probe_->check(file, options); };
  return Pipeline::load(found.path, options_.device, nullptr, check);
}

void ModelRepository::bring_up(const Deployment& found, const Prepare& prepare) {
  Entry entry;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = entries_.find(key_of(found)); known != entries_.end()) entry = known->second;
  }
  entry = load_again(found, std::move(entry), prepare);
  const std::lock_guard lock(mutex_);
  std::swap(entries_[key_of(found)], entry);  // what served before dies after the lock, if no job has it
}

ModelRepository::Entry ModelRepository::load_again(const Deployment& found, Entry old, const Prepare& prepare) const {
  ModelStatus good;
  good.name = found.name;
  good.version = found.version;
  good.ready = true;
  if (old.model) good.notes = old.model->pipeline->description().network_notes;
  if (old.model && old.fingerprint == found.fingerprint) return {good, std::move(old.model), found.fingerprint, false};
  try {
    if (!found.refusal.empty()) fail(Code::already_exists, found.refusal);
    auto model = std::make_shared<const Model>(Model{found.name, found.version, load_pipeline(found)});
    if (prepare) prepare(*model);
    good.notes = model->pipeline->description().network_notes;
    return {good, std::move(model), found.fingerprint, false};
  } catch (const std::exception& error) {
    ModelStatus bad = good;
    bad.ready = old.model != nullptr;
    bad.reason = first_line(error.what());
    return {bad, std::move(old.model), std::move(old.fingerprint), false};
  }
}

void ModelRepository::forget(const std::function<bool(const Key&)>& gone) {
  std::vector<Entry> forgotten;  // dies after the lock
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (!gone(entry->first)) {
      ++entry;
      continue;
    }
    forgotten.push_back(std::move(entry->second));
    entry = entries_.erase(entry);
  }
}

bool ModelRepository::is_unloaded(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const auto& entry) { return entry.first.name == name && entry.second.unloaded; });
}

ModelStatus ModelRepository::status_of(const Key& key) const {
  const std::lock_guard lock(mutex_);
  return entries_.at(key).status;
}

}  // namespace voxd
