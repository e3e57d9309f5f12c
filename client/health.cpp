#include "client/health.h"

#include <algorithm>
#include <sstream>
#include <thread>

#include "client/status.h"
#include "grpc_health.grpc.pb.h"

namespace voxd {
namespace {

using SystemClock = std::chrono::system_clock;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

bool connected(grpc::Channel& channel) { return channel.GetState(false) == GRPC_CHANNEL_READY; }

std::string not_serving(const std::string& address, HealthCheckResponse::ServingStatus status) {
  return address + ": the server says " + HealthCheckResponse::ServingStatus_Name(status);
}

/// Reads the server's status until it is SERVING. False when the stream or the time ended first; `seen` then says what
/// was last.
bool watch(grpc::Channel& channel, Health::Stub& stub, const std::string& address, SystemClock::time_point deadline,
           std::string& seen) {
  grpc::ClientContext context;
  context.set_deadline(deadline);
  const auto stream = stub.Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  while (stream->Read(&response)) {
    if (response.status() == HealthCheckResponse::SERVING) {
      context.TryCancel();
      stream->Finish();
      return true;
    }
    seen = not_serving(address, response.status());
  }
  const grpc::Status status = stream->Finish();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) seen = error_of(status, address, connected(channel)).what();
  // Whatever else it says will not change by waiting.
  else if (!status.ok() && status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED)
    throw error_of(status, address, connected(channel));
  return false;
}

}  // namespace

void check_health(const std::shared_ptr<grpc::Channel>& channel, const std::string& address,
                  std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  context.set_deadline(SystemClock::now() + timeout);
  HealthCheckResponse response;
  const grpc::Status status = Health::NewStub(channel)->Check(&context, HealthCheckRequest(), &response);
  if (!status.ok()) throw error_of(status, address, connected(*channel));
  if (response.status() != HealthCheckResponse::SERVING)
    throw Error(Code::unavailable, not_serving(address, response.status()));
}

void await_health(const std::shared_ptr<grpc::Channel>& channel, const std::string& address,
                  std::chrono::milliseconds wait) {
  constexpr std::chrono::milliseconds pause{100};  // a server that ends every Watch at once is asked ten times a second
  const auto deadline = SystemClock::now() + wait;
  const auto stub = Health::NewStub(channel);
  std::string seen = "no server reached at " + address;
  while (SystemClock::now() < deadline) {
    if (!channel->WaitForConnected(deadline)) break;
    seen = address + ": connected, but no answer";
    if (watch(*channel, *stub, address, deadline, seen)) return;
    std::this_thread::sleep_until(std::min(deadline, SystemClock::now() + pause));
  }
  std::ostringstream text;
  text << seen << " (waited " << static_cast<double>(wait.count()) / 1000 << " s)";
  throw Error(Code::unavailable, text.str());
}

}  // namespace voxd
