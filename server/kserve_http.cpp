#include "server/kserve_http.h"

#include <utility>

#include "server/errors.h"
#include "server/http_errors.h"
#include "server/http_infer_call.h"
#include "server/http_listener.h"
#include "server/kserve_rest.h"

namespace voxd {
namespace {

// What the body says of itself; until that is understood, there is a body of unknown length that nobody has read.
void take_body(HttpConnection& connection, const httplib::Request& request) {
  const HttpBody::Receive receive = [&connection](std::span<std::byte> target) { return connection.receive(target); };
  connection.body = HttpBody(receive);
  connection.body = http_body_of(
      request.get_header_value_count("Content-Length"), request.get_header_value("Content-Length"),
      request.get_header_value_count("Transfer-Encoding"), request.get_header_value("Transfer-Encoding"), receive);
}

Caller caller_of(const HttpConnection& connection, const httplib::Request& request) {
  Caller caller{connection.peer(),
                connection.subjects(),
                bearer_token(request.get_header_value("Authorization")),
                {},
                trace_id(request.get_header_value("traceparent"))};
  if (request.has_header("x-voxd-client")) caller.name = request.get_header_value("x-voxd-client");
  return caller;
}

std::string small_body(HttpConnection& connection) {
  constexpr std::size_t most = RequestLimits::header_bytes;
  std::string text(static_cast<std::size_t>(std::min<std::int64_t>(connection.body.length().value_or(most), most)) + 1,
                   '\0');
  text.resize(connection.body.read(std::as_writable_bytes(std::span(text))));
  if (text.size() > most || !connection.body.ended())
    fail(Code::invalid_argument, "request: more than ", most, " bytes");
  return text;
}

}  // namespace

class KserveHttp::Impl {
 public:
  Impl(Serving& serving, const Options& options)
      : serving_(serving),
        calls_(serving, options.instances, options.changes),
        listener_(options.address, options.tls) {
    listener_.start([this](HttpConnection& connection, const httplib::Request& request, httplib::Response& response) {
      answer(connection, request, response);
    });
  }

  int port() const { return listener_.port(); }

 private:
  void answer(HttpConnection& connection, const httplib::Request& request, httplib::Response& response) {
    try {
      take_body(connection, request);
      const Caller caller = caller_of(connection, request);
      const std::vector<std::string> path = path_parts(request.path);
      RestTarget target;
      if (is_inference(path, target) && request.method == "POST")
        HttpInferCall::answer(serving_, connection, caller, target, request, response);
      else
        answer_small(connection, caller, path, request, response);
    } catch (...) {
      answer_error(current_error(), serving_, response);
    }
  }

  void answer_small(HttpConnection& connection, const Caller& caller, const std::vector<std::string>& path,
                    const httplib::Request& request, httplib::Response& response) {
    refuse_compressed(request);
    std::optional<std::chrono::duration<double>> time;
    if (serving_.stalls.patience().count() > 0) time = serving_.stalls.patience();
    connection.allow(time);
    const std::string body = small_body(connection);
    const RestAnswer answer =
        answer_rest(calls_, caller, {request.method == "HEAD" ? "GET" : request.method, path, body});
    connection.allow(time);
    response.status = answer.status;
    if (!answer.json.empty()) response.set_content(answer.json, "application/json");
  }

  Serving& serving_;
  const KserveCalls calls_;
  HttpListener listener_;
};

KserveHttp::KserveHttp(Serving& serving, const Options& options) : impl_(std::make_unique<Impl>(serving, options)) {}
KserveHttp::~KserveHttp() = default;

int KserveHttp::port() const { return impl_->port(); }

}  // namespace voxd
