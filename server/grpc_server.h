#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/model_changes.h"
#include "server/serving.h"
#include "server/tls_files.h"

namespace voxd {

/// The listening side: all RPC services on their addresses, and grpc.health.v1. Serves from the constructor on.
/// Thread rule: one owner; the services inside are safe from gRPC's threads.
class GrpcServer {
 public:
  struct Options {
    std::vector<std::string> addresses;  ///< HOST:PORT or unix:PATH
    int instances = 1;                   ///< jobs that run at once and where, for ModelConfig
    bool cuda = false;
    ModelChanges* changes = nullptr;  ///< where clients' loads and unloads go; null: they may not
    TlsFiles tls = {};                ///< of all addresses but unix sockets
  };

  /// Throws Error{unavailable} naming the address that cannot be bound. `serving` must outlive it.
  GrpcServer(Serving& serving, const Options& options);
  /// Cancels what still runs and waits for it.
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;

  /// The port of each TCP address, in order.
  const std::vector<int>& ports() const;
  /// What health checks are told: "" and our services' names; `model` for one model by its name.
  void set_health(bool serving);
  void set_model_health(const std::string& model, bool serving);
  /// Takes no new calls, gives those that run `grace` to finish, then cancels them. Not from a gRPC thread.
  void shut_down(std::chrono::milliseconds grace);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace voxd
