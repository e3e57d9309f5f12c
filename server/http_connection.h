#pragma once

#include <httplib.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu_transforms/job_context.h"
#include "server/file_descriptor.h"
#include "server/http_body.h"
#include "server/tls_sessions.h"

namespace voxd {

/// One connection of an HTTP client, with TLS or without: the bytes of its requests, and a watch over it while it waits
/// for an answer. Everything that is expected of the client has a time; what it sends before it is asked for stays in
/// the socket. Used by the one thread that serves it.
class HttpConnection final : public httplib::Stream {
 public:
  static constexpr std::size_t max_head = 16 << 10;  ///< bytes of a request's line and headers

  /// `stop` is an event that is readable once the server is to close its connections.
  HttpConnection(FileDescriptor socket, int stop);
  ~HttpConnection() override;

  /// False if the client is not one, or does not answer in time.
  bool start_tls(TlsSessions& sessions);
  /// As gRPC writes addresses: "ipv4:127.0.0.1:50710".
  const std::string& peer() const { return peer_; }
  /// The names in the client's certificate.
  std::vector<std::string> subjects() const;

  /// Waits for the first byte of a request; false if none comes in time, or the server stops.
  bool wait_for_request(std::chrono::milliseconds most);
  /// From now on the client has so long to send or take what is wanted of it; empty: any time.
  void allow(std::optional<std::chrono::duration<double>> time);
  /// The body of the request whose head has been read; what is left of it will not be read as another request.
  HttpBody body;
  /// Receives bytes of a body. Throws Error{cancelled} if the connection has ended, Error{deadline_exceeded} if nothing
  /// came in the time allowed, Error{unavailable} if the server stops.
  std::size_t receive(std::span<std::byte> target);

  enum class Event { happened, gone, stopping };
  /// Waits until `event` is readable, or the client has closed the connection, or the server stops.
  Event wait_for(int event);
  /// The time allowed is over.
  bool is_late() const { return Clock::now() >= due_; }
  /// The request's head is longer than it may be.
  bool is_head_too_long() const { return head_left_ == 0; }
  /// Ends the connection so that the client can read what it was sent although it is sending still: takes what comes
  /// for a while, and throws it away.
  void linger();

  // What httplib does with it: reads heads, writes answers.
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* target, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return 0; }  // only compared with what select() can take, which is not used here

 private:
  enum class Wait { readable, writable };
  ssize_t read_some(std::span<std::byte> target);
  ssize_t read_transport(std::span<std::byte> target);
  template <class Act>
  ssize_t perform(Wait wait, const Act& act);
  bool wait_until_due(Wait wait);

  const FileDescriptor socket_;
  const int stop_;
  TlsSessions::Session session_;
  std::string peer_;
  Clock::time_point due_ = Clock::time_point::max();
  std::size_t head_left_ = max_head;
  bool stopping_ = false;
  std::vector<std::byte> buffer_;  // what was received and not read yet lies from begin_ to end_
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace voxd
