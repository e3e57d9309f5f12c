#include "server/app.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>

#include "gpu_transforms/cuda_memory.h"
#include "models/network.h"
#include "server/logging.h"
#include "server/machine.h"
#include "server/staging.h"
#include "server/version.h"
#include "server/warm_up.h"

namespace voxd {
namespace {

constexpr double kShareOfAvailable = 0.8;
constexpr int kOwnThreads = 24;  // the server's, gRPC's and what libraries have beside those of a worker
constexpr std::chrono::milliseconds kGoodbye{500};  // for calls that are not jobs, health watches among them

Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

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

DecoderPool::Options decoder_options(const Settings& settings) {
  DecoderPool::Options options;
  options.limits.frame = std::chrono::milliseconds(std::llround(settings.decode_timeout_s * 1000));
  options.most_idle = static_cast<std::size_t>(settings.workers * threads_per_worker(settings));
  return options;
}

/// An operator hears before anything is loaded that decoders cannot be started or confined here.
void check_decoders(const Settings& settings) { DecoderPool(decoder_options(settings)).check(); }

std::unique_ptr<ModelRepository> load_models(const Settings& settings) {
  check_device(settings.device);
  check_decoders(settings);
  // OpenMP has as many for each worker, TBB and libtorch once more.
  require_threads(kOwnThreads + (settings.workers + 3) * threads_per_worker(settings));
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
  return {.jobs = static_cast<std::size_t>(settings.queue_jobs),
          .bytes = settings.queue_bytes,
          .workers = settings.workers,
          .aging = duration_of(settings.aging_s)};
}

// Where nobody has said how much there is, a job whose stated need is above the guess has its chance.
MemoryBudget make_budget(const char* name, std::int64_t set, std::int64_t available) {
  if (set > 0) return {name, set, MemoryBudget::Excess::refused};
  return {name, static_cast<std::int64_t>(kShareOfAvailable * static_cast<double>(available)),
          MemoryBudget::Excess::runs_alone};
}

std::unique_ptr<MemoryBudget> make_device_budget(const Settings& settings) {
  if (!settings.device.cuda) return nullptr;
  return std::unique_ptr<MemoryBudget>(new MemoryBudget(
      make_budget("--device-memory", settings.device_memory, cuda_free_memory(settings.device.ordinal))));
}

RequestLimits request_limits(const Settings& settings) {
  RequestLimits limits;
  limits.max_image_bytes = settings.max_image_bytes;
  return limits;
}

GrpcServer::Options server_options(const Settings& settings, ModelChanges& changes) {
  return {settings.addresses, settings.workers, settings.device.cuda, settings.model_control ? &changes : nullptr,
          settings.tls};
}

std::unique_ptr<KserveHttp> make_kserve_http(Serving& serving, const Settings& settings, ModelChanges& changes) {
  if (settings.http_address.empty()) return nullptr;
  return std::make_unique<KserveHttp>(serving, KserveHttp::Options{settings.http_address,
                                                                   {settings.workers, settings.device.cuda},
                                                                   settings.model_control ? &changes : nullptr,
                                                                   settings.tls});
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
      audit_(settings_.audit_file),
      records_(version(), audit_),
      authorisation_(settings_.roles),
      stalls_(std::chrono::duration<double>(settings_.stall_timeout_s)),
      host_budget_(make_budget("--host-memory", settings_.host_memory, available_memory())),
      device_budget_(make_device_budget(settings_)),
      shared_memory_(settings_.shared_memory),
      admission_({settings_.queue_jobs, settings_.queue_bytes, settings_.client_share}),
      queue_(queue_limits(settings_)),
      decoders_(decoder_options(settings_)),
      workers_(queue_, resources(),
               {settings_.workers, [threads = threads_per_worker(settings_)] { set_torch_threads(threads); }}),
      serving_{*models_,
               queue_,
               admission_,
               records_,
               stalls_,
               authorisation_,
               make_staging(host_memory_),
               request_limits(settings_),
               shared_memory_},
      server_(std::make_unique<GrpcServer>(serving_, server_options(settings_, changes_))),
      kserve_http_(make_kserve_http(serving_, settings_, changes_)),
      loader_(changes_, *models_, resources(),
              {[threads = threads_per_worker(settings_)] { set_torch_threads(threads); },
               [this](const ModelChange& change, bool done) {
                 records_.metrics.model_changed(name_of(change.kind), done);
                 publish_health();
               }}) {
  WorkerResources lent = resources();
  warm_up(*models_, lent);
  publish_health();
  log_models();
  if (!settings_.metrics_address.empty()) {
    http_ = std::make_unique<HttpServer>(
        settings_.metrics_address,
        HttpServer::Callbacks{[this] { return ready(); }, [this] { return records_.metrics.text(state()); }});
    spdlog::info("metrics and health over HTTP on port {}", http_->port());
  }
  if (!settings_.port_file.empty()) {
    std::vector<int> bound = server_->ports();
    if (kserve_http_) bound.push_back(kserve_http_->port());
    write_port_file(settings_.port_file, bound);
  }
  if (kserve_http_) spdlog::info("serving HTTP on port {}", kserve_http_->port());
  for (const std::string& address : settings_.addresses) spdlog::info("listening on {}", address);
  for (const int port : server_->ports()) spdlog::info("serving on port {}", port);
}

WorkerResources App::resources() {
  return {streams_,
          *device_memory_,
          make_staging(host_memory_),
          settings_.budget_bytes,
          device_budget_ ? device_budget_.get() : &host_budget_,
          &host_budget_,
          threads_per_worker(settings_),
          &decoders_};
}

bool App::ready() {
  const std::lock_guard lock(health_mutex_);
  return !stopping_ && serving_.ready();
}

ServerState App::state() const {
  ServerState state;
  state.calls = admission_.calls();
  state.call_bytes = admission_.bytes();
  state.queued_jobs = queue_.size();
  state.queued_bytes = queue_.bytes();
  state.work_seconds = queue_.work_seconds();
  state.running_jobs = workers_.running();
  state.idle_streams = streams_.idle();
  const auto pool = [&state](std::string_view name, const MemoryPool& memory) {
    const PoolStatistics now = memory.statistics();
    state.pools.push_back({name, now.bytes_in_use, now.bytes_cached});
  };
  pool("host", *host_memory_);
  if (device_memory_ != host_memory_) pool("device", *device_memory_);
  state.budgets.push_back({"host", host_budget_.used(), host_budget_.total()});
  if (device_budget_) state.budgets.push_back({"device", device_budget_->used(), device_budget_->total()});
  for (const ModelStatus& model : models_->list()) state.models.push_back({model.name, model.version, model.ready});
  return state;
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

void App::refresh() {
  reopen_log();
  try {
    audit_.reopen();
  } catch (const Error& error) {
    spdlog::error("{}; the audit goes on in the old file", error.what());
  }
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

// Load balancers learn from health checks, in their own time, that this server is to be left alone.
void App::go_on_serving(const std::stop_token& give_up) {
  std::unique_lock lock(health_mutex_);
  given_up_.wait_for(lock, give_up, duration_of(settings_.drain_delay_s), [] { return false; });
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
  go_on_serving(give_up);
  admission_.close();
  const bool idle = admission_.wait_idle(Clock::now() + duration_of(settings_.drain_timeout_s), std::move(give_up));
  if (!idle) spdlog::warn("cancelling {} call(s)", admission_.calls());
  kserve_http_.reset();
  server_->shut_down(idle ? kGoodbye : std::chrono::milliseconds(0));
  spdlog::info("stopped");
  return idle;
}

}  // namespace voxd
