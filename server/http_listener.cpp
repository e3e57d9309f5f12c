#include "server/http_listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "gpu_transforms/volume/error.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr std::chrono::seconds kIdle{60};         // between two requests of a connection
constexpr std::size_t kMostRequests = 1'000'000;  // of a connection; what its answers promise
constexpr int kBacklog = 128;
constexpr std::chrono::milliseconds kNoDescriptors{20};
constexpr std::string_view kTooMany = R"({"error":"too many connections are open"})";

// The connection that this thread serves, and whether its request's head has been understood, for what httplib calls.
thread_local HttpConnection* served = nullptr;
thread_local bool is_understood = false;

}  // namespace

/// httplib's reading of heads and writing of answers; connections and bodies are this side's.
class HttpProtocol final : public httplib::Server {
 public:
  explicit HttpProtocol(const std::string& address) {
    set_keep_alive_timeout(kIdle.count());
    set_keep_alive_max_count(kMostRequests);
    set_tcp_nodelay(true);
    // One that is taken is an error, not a second listener.
    set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    listen_on(address);
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (is_understood) return;
      if (served->is_head_too_long()) response.status = 431;
      answer_http_error(response, response.status, "the request's line or headers are not HTTP/1.1, or too long");
    });
    set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
      if (!is_understood || !served->body.ended()) response.set_header("Connection", "close");
    });
  }
  ~HttpProtocol() override {
    if (const socket_t socket = svr_sock_.exchange(INVALID_SOCKET); socket != INVALID_SOCKET) ::close(socket);
  }

  void set_handler(HttpListener::Handler handler) {
    set_pre_routing_handler(
        [handler = std::move(handler)](const httplib::Request& request, httplib::Response& response) {
          handler(*served, request, response);
          return HandlerResponse::Handled;
        });
  }

  int port() const { return port_; }
  int socket() const { return svr_sock_; }

  /// Requests until the client, the server or a mistake ends it.
  void serve(HttpConnection& connection) {
    served = &connection;
    while (connection.wait_for_request(kIdle)) {
      bool is_last = false;
      is_understood = false;
      const auto set_up = [&connection](httplib::Request& request) {
        is_understood = true;
        request.ranges.clear();  // an answer is one whole
        connection.allow(std::nullopt);
      };
      if (!process_request(connection, false, is_last, set_up)) break;
      if (!is_understood || !connection.body.ended()) {
        connection.linger();
        break;
      }
      if (is_last) break;
    }
    served = nullptr;
  }

 private:
  void listen_on(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    const int wanted = std::stoi(address.substr(colon + 1));
    const bool bound = wanted == 0 ? (port_ = bind_to_any_port(host)) > 0 : bind_to_port(host, port_ = wanted);
    if (!bound || ::listen(svr_sock_, kBacklog) != 0)
      fail(Code::unavailable, "--http-address: '", address, "' cannot be listened on; is it in use?");
    ::fcntl(svr_sock_, F_SETFL, ::fcntl(svr_sock_, F_GETFL) | O_NONBLOCK);
  }

  int port_ = 0;
};

class HttpListener::Impl {
 public:
  Impl(const std::string& address, const TlsFiles& tls) : protocol_(address), stop_(::eventfd(0, EFD_CLOEXEC)) {
    if (tls.on()) tls_ = std::make_unique<TlsSessions>(tls);
    if (!stop_.is_open()) fail(Code::resource_exhausted, "--http-address: no file descriptor is left");
  }

  ~Impl() {
    [[maybe_unused]] const int told = ::eventfd_write(stop_.number(), 1);
    if (accepting_.joinable()) accepting_.join();
    connections_.clear();
  }

  int port() const { return protocol_.port(); }

  void start(Handler handler) {
    protocol_.set_handler(std::move(handler));
    accepting_ = std::jthread([this] { accept_all(); });
  }

 private:
  struct Served {
    std::atomic<bool> over{false};
    std::jthread thread;
  };

  void accept_all() {
    for (;;) {
      std::array<::pollfd, 2> events{{{protocol_.socket(), POLLIN, 0}, {stop_.number(), POLLIN, 0}}};
      ::poll(events.data(), events.size(), -1);
      if (events[1].revents != 0) return;
      FileDescriptor socket(::accept4(protocol_.socket(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.is_open())
        take(std::move(socket));
      else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        ::poll(&events[1], 1, static_cast<int>(kNoDescriptors.count()));  // until one is closed, or the server stops
    }
  }

  void take(FileDescriptor socket) {
    connections_.remove_if([](const Served& served_one) { return served_one.over.load(); });
    if (connections_.size() >= static_cast<std::size_t>(max_connections)) {
      refuse(socket);
      return;
    }
    Served& one = connections_.emplace_back();
    try {
      one.thread = std::jthread([this, &one, socket = std::move(socket)]() mutable {
        serve(std::move(socket));
        one.over = true;
      });
    } catch (const std::system_error& error) {
      spdlog::warn("HTTP: no thread for a connection: {}", error.what());
      connections_.pop_back();
    }
  }

  // What would have to wait is not sent.
  void refuse(const FileDescriptor& socket) const {
    if (tls_) return;
    const std::string answer =
        concatenated("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n",
                     "Retry-After: 1\r\nContent-Length: ", kTooMany.size(), "\r\n\r\n", kTooMany);
    [[maybe_unused]] const auto sent = ::send(socket.number(), answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  void serve(FileDescriptor socket) {
    try {
      const int yes = 1;
      ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      HttpConnection connection(std::move(socket), stop_.number());
      if (!tls_ || connection.start_tls(*tls_)) protocol_.serve(connection);
    } catch (const std::exception& error) {
      spdlog::warn("HTTP: a connection ended: {}", error.what());
    }
  }

  HttpProtocol protocol_;
  const FileDescriptor stop_;
  std::unique_ptr<TlsSessions> tls_;  // null: none
  std::list<Served> connections_;     // the accepting thread's, and the destructor's after it
  std::jthread accepting_;
};

HttpListener::HttpListener(const std::string& address, const TlsFiles& tls)
    : impl_(std::make_unique<Impl>(address, tls)) {}
HttpListener::~HttpListener() = default;

int HttpListener::port() const { return impl_->port(); }
void HttpListener::start(Handler handler) { impl_->start(std::move(handler)); }

void answer_http_error(httplib::Response& response, int status, const std::string& message) {
  response.status = status;
  const nlohmann::json json{{"error", message}};
  response.set_content(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "application/json");
}

}  // namespace voxd
