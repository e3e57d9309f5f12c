#include "server/app.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>

#include "models/network.h"
#include "server/staging.h"
#include "server/warm_up.h"

namespace voxd {
namespace {

constexpr std::chrono::milliseconds kGoodbye{500};  // for calls that are not jobs, health watches among them

void check_device(const DeviceSetting& device) {
  if (!device.cuda) return;
  std::string why;
  const int count = cuda_device_count(&why);
  if (count == 0) fail(Code::failed_precondition, "--device: ", why);
  if (device.ordinal >= count)
    fail(Code::failed_precondition, "--device: cuda:", device.ordinal, ": this machine has ", count, " CUDA device(s)");
}

std::unique_ptr<Stream> make_stream(const Settings& settings) {
  if (settings.device.cuda) return make_cuda_stream(settings.device.ordinal);
  return make_cpu_stream(default_cpu_backend(), threads_per_worker(settings));
}

std::unique_ptr<ModelRepository> load_models(const Settings& settings) {
  check_device(settings.device);
  configure_torch(threads_per_worker(settings));
  spdlog::info("loading models");
  ModelRepository::Options options{model_names(settings), settings.device.cuda ? settings.device.ordinal : -1, {}, {}};
  options.files = model_files(settings);
  options.probe_limit = std::chrono::milliseconds(std::llround(settings.probe_timeout_s * 1000));
  // Where models are named, only they are served: with files alone the folder is not looked at.
  const bool only_files = options.only.empty() && !options.files.empty();
  return std::make_unique<ModelRepository>(only_files ? std::filesystem::path() : settings.model_repository,
                                           std::move(options));
}

std::shared_ptr<MemoryPool> make_device_memory(const Settings& settings, const std::shared_ptr<MemoryPool>& host) {
  check_device(settings.device);
  return settings.device.cuda ? std::make_shared<MemoryPool>(torch_cuda_allocator(), MemoryPool::Options{}) : host;
}

// Admission lets no more in than the queue can hold.
JobQueue::Limits queue_limits(const Settings& settings) {
  return {static_cast<std::size_t>(settings.queue_jobs), settings.queue_bytes};
}

RequestLimits request_limits(const Settings& settings) {
  RequestLimits limits;
  limits.max_image_bytes = settings.max_image_bytes;
  return limits;
}

GrpcServer::Options server_options(const Settings& settings, ModelChanges& changes) {
  return {settings.addresses, settings.workers, settings.device.cuda, settings.model_control ? &changes : nullptr};
}

// Readers never see half a file: it appears under its name when it is complete.
void write_port_file(const std::filesystem::path& file, const std::vector<int>& ports) {
  const std::filesystem::path unfinished = file.string() + "." + std::to_string(::getpid());
  {
    std::ofstream out(unfinished);
    for (const int port : ports) out << port << '\n';
    if (!out.flush()) fail(Code::invalid_argument, "--port-file: '", file.string(), "' cannot be written");
  }
  std::error_code error;
  std::filesystem::rename(unfinished, file, error);
  if (error) fail(Code::invalid_argument, "--port-file: '", file.string(), "': ", error.message());
}

}  // namespace

App::App(const Settings& settings) : App(settings, load_models(settings)) {}

App::App(const Settings& settings, std::unique_ptr<ModelRepository> models)
    : settings_(settings),
      host_memory_(std::make_shared<MemoryPool>(cpu_allocator(), MemoryPool::Options{})),
      device_memory_(make_device_memory(settings_, host_memory_)),
      streams_(settings_.workers + 1, [this] { return make_stream(settings_); }),
      models_(std::move(models)),
      admission_({settings_.queue_jobs, settings_.queue_bytes}),
      queue_(queue_limits(settings_)),
      workers_(queue_, {streams_, *device_memory_, make_staging(host_memory_), settings_.budget_bytes},
               {settings_.workers, [threads = threads_per_worker(settings_)] { set_torch_threads(threads); }}),
      serving_{*models_, queue_, admission_, statistics_, make_staging(host_memory_), request_limits(settings_)},
      server_(std::make_unique<GrpcServer>(serving_, server_options(settings_, changes_))),
      loader_(
          changes_, *models_, {streams_, *device_memory_, make_staging(host_memory_), settings_.budget_bytes},
          {[threads = threads_per_worker(settings_)] { set_torch_threads(threads); }, [this] { publish_health(); }}) {
  WorkerResources resources{streams_, *device_memory_, make_staging(host_memory_), settings_.budget_bytes};
  warm_up(*models_, resources);
  publish_health();
  log_models();
  if (!settings_.port_file.empty()) write_port_file(settings_.port_file, server_->ports());
  for (const std::string& address : settings_.addresses) spdlog::info("listening on {}", address);
  for (const int port : server_->ports()) spdlog::info("serving on port {}", port);
}

void App::publish_health() {
  const std::lock_guard lock(health_mutex_);
  if (stopping_) return;
  std::map<std::string, bool> models;
  for (const std::string& name : health_names_) models[name] = false;  // of one that has gone, too
  for (const ModelStatus& status : models_->list()) models[status.name] |= status.ready;
  for (const auto& [name, ready] : models) {
    server_->set_model_health(name, ready);
    health_names_.insert(name);
  }
  server_->set_health(serving_.ready());
}

void App::log_models() const {
  for (const ModelStatus& status : models_->list()) {
    if (!status.ready)
      spdlog::warn("model {} version {} is not ready: {}", status.name, status.version, status.reason);
    else if (!status.reason.empty())
      spdlog::warn("model {} version {} serves as it was: {}", status.name, status.version, status.reason);
    else
      spdlog::info("model {} version {} is ready", status.name, status.version);
    for (const std::string& note : status.notes)
      spdlog::info("model {} version {}: network: {}", status.name, status.version, note);
  }
  if (!serving_.ready()) spdlog::warn("no model is ready: health checks say NOT_SERVING");
}

void App::rescan() {
  spdlog::info("reading the model repository again");
  const auto log = [this](const Error* why_not) {
    if (!why_not) log_models();
  };
  try {
    changes_.push({ModelChange::Kind::rescan, "", log});
  } catch (const Error& error) {
    spdlog::warn("{}", error.what());
  }
}

bool App::drain(std::stop_token give_up) {
  spdlog::info("stopping: {} call(s) in flight", admission_.calls());
  {
    const std::lock_guard lock(health_mutex_);
    stopping_ = true;
    server_->set_health(false);
    for (const std::string& name : health_names_) server_->set_model_health(name, false);
  }
  changes_.close();
  admission_.close();
  const auto timeout =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(settings_.drain_timeout_s));
  const bool idle = admission_.wait_idle(Clock::now() + timeout, std::move(give_up));
  if (!idle) spdlog::warn("cancelling {} call(s)", admission_.calls());
  server_->shut_down(idle ? kGoodbye : std::chrono::milliseconds(0));
  spdlog::info("stopped");
  return idle;
}

}  // namespace voxd
