#pragma once

#include <functional>
#include <memory>
#include <string>

namespace voxd {

/// Plain HTTP for who operates the server, never for images: /livez (200 while the process lives), /readyz (200 or 503,
/// one line that says which) and /metrics (Prometheus' text format). Serves from the constructor on, on threads of its
/// own. Thread rule: one owner; the callbacks are called from any of its threads.
class HttpServer {
 public:
  struct Callbacks {
    std::function<bool()> ready;
    std::function<std::string()> metrics;
  };
  /// `address`: HOST:PORT, port 0: any free one. Throws Error{unavailable} if it cannot be listened on.
  HttpServer(const std::string& address, Callbacks callbacks);
  /// Waits for the requests that are being answered.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;

  int port() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace voxd
