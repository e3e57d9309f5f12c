#pragma once

#include <memory>
#include <string>

#include "server/kserve_calls.h"
#include "server/tls_files.h"

namespace voxd {

/// The KServe protocol as HTTP/1.1 and JSON, with Triton's extensions for binary tensors, shared memory, the model
/// repository, statistics, logging and traces: a form of the same calls that KserveService and InferService answer over
/// gRPC, under the same limits and roles. Serves from the constructor to the destructor, which cancels what still runs
/// and waits for it. Thread rule: one owner.
class KserveHttp {
 public:
  struct Options {
    std::string address;  ///< HOST:PORT, port 0: any free one
    KserveCalls::Instances instances = {};
    ModelChanges* changes = nullptr;  ///< as KserveCalls
    TlsFiles tls = {};
  };
  /// Throws Error{unavailable} if the address cannot be listened on. `serving` must outlive it.
  KserveHttp(Serving& serving, const Options& options);
  ~KserveHttp();
  KserveHttp(const KserveHttp&) = delete;

  int port() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace voxd
