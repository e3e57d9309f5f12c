#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <vector>

#include "gpu_transforms/memory_pool.h"
#include "gpu_transforms/stream_pool.h"
#include "server/audit.h"
#include "server/authorisation.h"
#include "server/decoder_pool.h"
#include "server/grpc_server.h"
#include "server/http_server.h"
#include "server/kserve_http.h"
#include "server/memory_budget.h"
#include "server/model_changes.h"
#include "server/model_loader.h"
#include "server/serving.h"
#include "server/settings.h"
#include "server/workers.h"

namespace voxd {

/// The whole server: serves from the constructor to drain() or the destructor. What depends on a member is declared
/// after it, so that shutting down is the order in which members die: calls end, the queue closes, workers finish,
/// memory goes last. Thread rule: one owner; everything inside is shared among threads by the rules of its class.
class App {
 public:
  /// Loads the models of settings.model_repository. Throws Error naming what is wrong with device, folder or address.
  explicit App(const Settings& settings);
  /// Serves these models (tests).
  App(const Settings& settings, std::unique_ptr<ModelRepository> models);

  /// The port of each TCP address, in order.
  const std::vector<int>& ports() const { return server_->ports(); }
  /// Of KServe over HTTP; 0 where it is off.
  int http_port() const { return kserve_http_ ? kserve_http_->port() : 0; }
  /// Of HTTP for operators; 0 where it is off.
  int metrics_port() const { return http_ ? http_->port() : 0; }

  /// Opens the log and the audit file anew, and brings what is served to what the model repository has now, soon and on
  /// another thread; the log says what came of it.
  void refresh();

  /// Stops in good order: health says NOT_SERVING; after the drain delay new calls are refused with UNAVAILABLE and
  /// admitted ones run to their end. After the drain timeout, or when `give_up` is requested, what is left is
  /// cancelled. True if nothing had to be. Blocks; once.
  bool drain(std::stop_token give_up = {});

  const Admission& admission() const { return admission_; }
  const JobQueue& queue() const { return queue_; }
  const Workers& workers() const { return workers_; }
  JobRecords& records() { return records_; }

 private:
  WorkerResources resources();
  ServerState state() const;
  bool ready();
  void go_on_serving(const std::stop_token& give_up);
  void publish_health();
  void log_models() const;

  const Settings settings_;
  const std::shared_ptr<MemoryPool> host_memory_;
  const std::shared_ptr<MemoryPool> device_memory_;  // the host's when jobs run on the CPU
  StreamPool streams_;
  const std::unique_ptr<ModelRepository> models_;
  Audit audit_;
  JobRecords records_;
  const Authorisation authorisation_;
  StallGuard stalls_;
  MemoryBudget host_budget_;
  const std::unique_ptr<MemoryBudget> device_budget_;  // null: the host's
  SharedMemory shared_memory_;
  Admission admission_;
  JobQueue queue_;
  DecoderPool decoders_;
  Workers workers_;
  Serving serving_;
  ModelChanges changes_;
  std::mutex health_mutex_;  // held while health is published, so that the last to do so is right
  std::condition_variable_any given_up_;
  bool stopping_ = false;               // this and the next guarded by health_mutex_
  std::set<std::string> health_names_;  // of the models that health knows
  const std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<KserveHttp> kserve_http_;  // null: none
  ModelLoader loader_;                       // answers calls of these two and publishes health
  std::unique_ptr<HttpServer> http_;         // null: none
};

}  // namespace voxd
