#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/http_connection.h"
#include "server/tls_files.h"

namespace voxd {

/// Listens for HTTP/1.1, one thread for each connection, so that a client that is slow holds up nobody else. Serves
/// from start() to the destructor. Thread rule: one owner; the handler is called from any of the connections' threads.
class HttpListener {
 public:
  static constexpr int max_connections = 256;  ///< beyond which new ones are told 503 and closed

  /// Answers one request, whose body it may read through the connection. Throws nothing. What it leaves of the body is
  /// not read, and ends the connection after the answer.
  using Handler = std::function<void(HttpConnection&, const httplib::Request&, httplib::Response&)>;

  /// `address`: HOST:PORT, port 0: any free one. Throws Error{unavailable} if it cannot be listened on, and what
  /// TlsSessions throws.
  HttpListener(const std::string& address, const TlsFiles& tls);
  /// Takes no more requests, ends those that wait for their answers, and waits for their threads.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;

  int port() const;
  void start(Handler handler);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

/// An answer of JSON that says what is wrong.
void answer_http_error(httplib::Response& response, int status, const std::string& message);

}  // namespace voxd
