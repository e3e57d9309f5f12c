#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/server/services/infer_caller.h"

namespace voxd::test {

inline Settings over_http(Settings settings = {}) {
  settings.http_address = "127.0.0.1:0";
  return settings;
}

/// The JSON of float_request(), its tensor as numbers or after it.
inline nlohmann::json http_request(bool binary) {
  nlohmann::json input{{"name", "INPUT0"}, {"datatype", "FP32"}, {"shape", {1, 2, 1, 3}}};
  if (binary)
    input["parameters"]["binary_data_size"] = 24;
  else
    input["data"] = {0, 1, 2, 3, 0.25, 0.75};
  return {{"id", "call 7"}, {"inputs", {input}}};
}
inline const std::string kHttpVolume = raw(std::vector<float>{0, 1, 2, 3, 0.25f, 0.75f});
constexpr const char* kInferPath = "/v2/models/fake/infer";

/// A POST for an inference as it goes over the wire.
inline std::string http_post(const std::string& headers, const std::string& body) {
  return "POST " + std::string(kInferPath) + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
}
inline std::string whole_post() {
  const std::string head = http_request(true).dump();
  return http_post("Inference-Header-Content-Length: " + std::to_string(head.size()) +
                       "\r\nContent-Length: " + std::to_string(head.size() + kHttpVolume.size()) + "\r\n",
                   head + kHttpVolume);
}

/// A connection in the hands of a client that keeps to no rules.
class RawHttp {
 public:
  explicit RawHttp(const App& app) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(app.http_port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const ::sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("connect");
  }
  RawHttp(const RawHttp&) = delete;
  ~RawHttp() { ::close(socket_); }

  /// False if the server takes no more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ::ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end_sending() { ::shutdown(socket_, SHUT_WR); }
  /// What comes until the server closes the connection.
  std::string receive_all() {
    std::string all;
    char buffer[4096];
    for (::ssize_t came; (came = ::recv(socket_, buffer, sizeof buffer, 0)) > 0;)
      all.append(buffer, static_cast<std::size_t>(came));
    return all;
  }
  /// What comes until `text` has come, or the end.
  std::string receive_until(std::string_view text) {
    std::string all;
    for (char c; all.find(text) == std::string::npos && ::recv(socket_, &c, 1, 0) == 1;) all += c;
    return all;
  }

 private:
  const int socket_;
};

}  // namespace voxd::test
