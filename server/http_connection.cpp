#include "server/http_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "gpu_transforms/volume/error.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr std::size_t kBuffer = 64 << 10;
constexpr std::chrono::seconds kHandshake{10};
constexpr std::chrono::seconds kHead{10};
constexpr std::chrono::seconds kLinger{10};
constexpr std::int64_t kLingerBytes = std::int64_t{4} << 30;

struct Address {
  std::string host;
  int port = 0;
  bool is_v6 = false;
};

template <class Get>
Address address_of(int socket, const Get& get) {
  ::sockaddr_storage storage{};
  ::socklen_t size = sizeof storage;
  char text[INET6_ADDRSTRLEN] = "";
  if (get(socket, reinterpret_cast<::sockaddr*>(&storage), &size) != 0) return {};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const ::sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port), false};
  }
  const auto& v6 = reinterpret_cast<const ::sockaddr_in6&>(storage);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return {text, ntohs(v6.sin6_port), true};
}

std::string grpc_name_of(const Address& address) {
  return address.is_v6 ? concatenated("ipv6:[", address.host, "]:", address.port)
                       : concatenated("ipv4:", address.host, ":", address.port);
}

// Rounded up, so that a wait is not over before its time.
int milliseconds_until(Clock::time_point due) {
  if (due == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

}  // namespace

HttpConnection::HttpConnection(FileDescriptor socket, int stop)
    : socket_(std::move(socket)),
      stop_(stop),
      peer_(grpc_name_of(address_of(socket_.number(), ::getpeername))),
      buffer_(kBuffer) {}

// TLS says goodbye; nobody waits for the answer.
HttpConnection::~HttpConnection() {
  if (session_) ::SSL_shutdown(session_.get());
  ::ERR_clear_error();
}

bool HttpConnection::start_tls(TlsSessions& sessions) {
  session_ = sessions.start(socket_.number());
  allow(kHandshake);
  return perform(Wait::readable, [this](::SSL* session) { return ::SSL_do_handshake(session); }) == 1;
}

std::vector<std::string> HttpConnection::subjects() const {
  return session_ ? subjects_of(*session_) : std::vector<std::string>();
}

bool HttpConnection::wait_for_request(std::chrono::milliseconds most) {
  body = {};
  head_left_ = max_head;
  allow(most);
  if (begin_ == end_) {
    const ssize_t came = read_transport(buffer_);
    if (came <= 0) return false;
    begin_ = 0;
    end_ = static_cast<std::size_t>(came);
  }
  allow(kHead);
  return true;
}

void HttpConnection::allow(std::optional<std::chrono::duration<double>> time) {
  due_ = time ? Clock::now() + std::chrono::duration_cast<Clock::duration>(*time) : Clock::time_point::max();
}

ssize_t HttpConnection::read(char* target, std::size_t size) {
  if (head_left_ == 0) return -1;
  const auto bytes = std::as_writable_bytes(std::span(target, std::min(size, head_left_)));
  const ssize_t came = read_some(bytes);
  if (came > 0) head_left_ -= static_cast<std::size_t>(came);
  return came;
}

std::size_t HttpConnection::receive(std::span<std::byte> target) {
  const ssize_t came = read_some(target);
  if (came > 0) return static_cast<std::size_t>(came);
  if (stopping_) fail(Code::unavailable, "the server is stopping");
  if (is_late()) fail(Code::deadline_exceeded, "request: did not come in time");
  fail(Code::cancelled, "the connection ended before the request was complete");
}

// Large reads go past the buffer.
ssize_t HttpConnection::read_some(std::span<std::byte> target) {
  if (begin_ == end_) {
    if (target.size() >= buffer_.size()) return read_transport(target);
    const ssize_t came = read_transport(buffer_);
    if (came <= 0) return came;
    begin_ = 0;
    end_ = static_cast<std::size_t>(came);
  }
  const std::size_t size = std::min(target.size(), end_ - begin_);
  std::memcpy(target.data(), buffer_.data() + begin_, size);
  begin_ += size;
  return static_cast<ssize_t>(size);
}

ssize_t HttpConnection::read_transport(std::span<std::byte> target) {
  const auto size = static_cast<int>(std::min<std::size_t>(target.size(), 1 << 30));
  return perform(Wait::readable, [&](auto way) -> ssize_t {
    if constexpr (std::is_same_v<decltype(way), ::SSL*>)
      return ::SSL_read(way, target.data(), size);
    else
      return ::recv(way, target.data(), static_cast<std::size_t>(size), 0);
  });
}

ssize_t HttpConnection::write(const char* data, std::size_t size) {
  const auto most = static_cast<int>(std::min<std::size_t>(size, 1 << 30));
  return perform(Wait::writable, [&](auto way) -> ssize_t {
    if constexpr (std::is_same_v<decltype(way), ::SSL*>)
      return ::SSL_write(way, data, most);
    else
      return ::send(way, data, static_cast<std::size_t>(most), MSG_NOSIGNAL);
  });
}

// `act` on the session or the socket, again and again while that would have to wait; -1 for an error, 0 for the end.
template <class Act>
ssize_t HttpConnection::perform(Wait wait, const Act& act) {
  for (;;) {
    ssize_t done = 0;
    if (session_) {
      ::ERR_clear_error();
      done = act(session_.get());
      if (done > 0) return done;
      const int why = ::SSL_get_error(session_.get(), static_cast<int>(done));
      if (why == SSL_ERROR_ZERO_RETURN) return 0;
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return -1;
      wait = why == SSL_ERROR_WANT_READ ? Wait::readable : Wait::writable;
    } else if constexpr (std::is_invocable_v<Act, int>) {
      done = act(socket_.number());
      if (done >= 0) return done;
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return -1;
    }
    if (!wait_until_due(wait)) return -1;
  }
}

bool HttpConnection::wait_until_due(Wait wait) {
  const short wanted = wait == Wait::readable ? POLLIN : POLLOUT;
  std::array<::pollfd, 2> events{{{socket_.number(), wanted, 0}, {stop_, POLLIN, 0}}};
  for (;;) {
    const int ready = ::poll(events.data(), events.size(), milliseconds_until(due_));
    if (ready < 0 && errno != EINTR) return false;
    if (ready > 0 && events[1].revents != 0) {
      stopping_ = true;
      return false;
    }
    if (ready > 0) return true;
    if (is_late()) return false;
  }
}

HttpConnection::Event HttpConnection::wait_for(int event) {
  std::array<::pollfd, 3> events{{{event, POLLIN, 0}, {socket_.number(), POLLRDHUP, 0}, {stop_, POLLIN, 0}}};
  for (;;) {
    if (::poll(events.data(), events.size(), -1) < 0 && errno != EINTR) return Event::gone;
    if (events[0].revents != 0) return Event::happened;
    if (events[1].revents != 0) return Event::gone;
    if (events[2].revents != 0) return Event::stopping;
  }
}

// Closing at once would have the kernel reset the connection, and what the client was sent would be lost with it.
void HttpConnection::linger() {
  if (stopping_) return;
  if (session_) ::SSL_shutdown(session_.get());
  session_.reset();
  ::shutdown(socket_.number(), SHUT_WR);
  allow(kLinger);
  for (std::int64_t taken = 0; taken < kLingerBytes;) {
    const ssize_t came = read_transport(buffer_);
    if (came <= 0) return;
    taken += came;
  }
}

void HttpConnection::get_remote_ip_and_port(std::string& ip, int& port) const {
  const Address address = address_of(socket_.number(), ::getpeername);
  ip = address.host;
  port = address.port;
}

void HttpConnection::get_local_ip_and_port(std::string& ip, int& port) const {
  const Address address = address_of(socket_.number(), ::getsockname);
  ip = address.host;
  port = address.port;
}

}  // namespace voxd
