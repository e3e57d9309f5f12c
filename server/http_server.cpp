#include "server/http_server.h"

#include <httplib.h>

#include <thread>
#include <utility>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr int kThreads = 2;
constexpr int kTimeoutSeconds = 5;
constexpr std::size_t kMostBodyBytes = 1024;  // nothing is sent here
constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kMetrics = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const std::string& address, Callbacks callbacks) : callbacks_(std::move(callbacks)) {
    configure();
    listen_on(address);
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
    // A stop that comes before it runs would be lost.
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Impl() { server_.stop(); }

  int port() const { return port_; }

 private:
  void configure() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_read_timeout(kTimeoutSeconds);
    server_.set_write_timeout(kTimeoutSeconds);
    server_.set_payload_max_length(kMostBodyBytes);
    // One that is taken is an error, not a second listener.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.Get("/livez",
                [](const httplib::Request&, httplib::Response& response) { response.set_content("alive\n", kText); });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      const bool ready = callbacks_.ready();
      response.status = ready ? 200 : 503;
      response.set_content(ready ? "ready\n" : "not ready\n", kText);
    });
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(callbacks_.metrics(), kMetrics);
    });
  }

  void listen_on(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    const int wanted = std::stoi(address.substr(colon + 1));
    const bool bound =
        wanted == 0 ? (port_ = server_.bind_to_any_port(host)) > 0 : server_.bind_to_port(host, port_ = wanted);
    if (!bound) fail(Code::unavailable, "--metrics-address: '", address, "' cannot be listened on; is it in use?");
  }

  const Callbacks callbacks_;
  httplib::Server server_;
  int port_ = 0;
  std::jthread thread_;  // last: joined before what it uses goes away
};

HttpServer::HttpServer(const std::string& address, Callbacks callbacks)
    : impl_(std::make_unique<Impl>(address, std::move(callbacks))) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return impl_->port(); }

}  // namespace voxd
