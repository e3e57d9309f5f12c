#include "server/grpc_server.h"

#include <grpc/grpc.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>

#include "server/infer_service.h"
#include "server/kserve_service.h"
#include "server/segment_service.h"
#include "server/tls.h"

namespace voxd {
namespace {

constexpr int kMaxMetadataBytes = 16 << 10;
constexpr int kMaxStreamsPerConnection = 64;
constexpr int kMinPingIntervalMs = 10'000;
constexpr int kKeepaliveMs = 60'000;  // after which a silent connection is asked whether it lives
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kMaxConnectionAgeMs = 10 * 60 * 1000;
constexpr const char* kUnixPrefix = "unix:";

bool is_unix(const std::string& address) { return address.rfind(kUnixPrefix, 0) == 0; }

// Group members may connect, others not.
void restrict_socket(const std::string& address) {
  ::chmod(address.substr(std::char_traits<char>::length(kUnixPrefix)).c_str(), 0660);
}

// The connection's age spreads callers over replicas; calls that run when it is reached may finish, however long they
// take.
void configure(grpc::ServerBuilder& builder, const RequestLimits& limits) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(std::min(limits.max_image_bytes + RequestLimits::header_bytes, most)));
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kMaxConnectionAgeMs);
}

// gRPC is begun once more than it is ended: the last end waits for its pollers, one of which may sleep for 10 s after
// large answers, and a server that was told to stop would not be gone until then.
void keep_grpc_running() { [[maybe_unused]] static const bool once = (grpc_init(), true); }

}  // namespace

class GrpcServer::Impl {
 public:
  Impl(Serving& serving, const Options& options)
      : segment_(serving), kserve_(serving, {options.instances, options.cuda}, options.changes), infer_(serving) {
    keep_grpc_running();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    configure(builder, serving.limits);
    std::vector<int> bound(options.addresses.size(), 0);
    const auto in_clear = grpc::InsecureServerCredentials();
    const auto over_network = options.tls.on() ? make_tls_credentials(options.tls) : in_clear;
    for (std::size_t i = 0; i < bound.size(); ++i)
      builder.AddListeningPort(options.addresses[i], is_unix(options.addresses[i]) ? in_clear : over_network,
                               &bound[i]);
    builder.RegisterService(&segment_);
    builder.RegisterService(&kserve_);
    builder.RegisterCallbackGenericService(&infer_);
    server_ = builder.BuildAndStart();
    for (std::size_t i = 0; i < bound.size(); ++i) {
      const std::string& address = options.addresses[i];
      if (!server_ || bound[i] == 0)
        fail(Code::unavailable, "--address: '", address, "' cannot be listened on; is it in use?");
      if (is_unix(address))
        restrict_socket(address);
      else
        ports_.push_back(bound[i]);
    }
  }

  ~Impl() {
    if (server_) shut_down(std::chrono::milliseconds(0));
  }

  const std::vector<int>& ports() const { return ports_; }

  void set_health(const std::string& name, bool serving) {
    server_->GetHealthCheckService()->SetServingStatus(name, serving);
  }

  void shut_down(std::chrono::milliseconds grace) { server_->Shutdown(std::chrono::system_clock::now() + grace); }

 private:
  SegmentService segment_;
  KserveService kserve_;
  InferService infer_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<int> ports_;
};

GrpcServer::GrpcServer(Serving& serving, const Options& options) : impl_(std::make_unique<Impl>(serving, options)) {}
GrpcServer::~GrpcServer() = default;

const std::vector<int>& GrpcServer::ports() const { return impl_->ports(); }

void GrpcServer::set_health(bool serving) {
  for (const char* name :
       {"", v1::Segmentation::service_full_name(), inference::GRPCInferenceService::service_full_name()})
    impl_->set_health(name, serving);
}

void GrpcServer::set_model_health(const std::string& model, bool serving) { impl_->set_health(model, serving); }
void GrpcServer::shut_down(std::chrono::milliseconds grace) { impl_->shut_down(grace); }

}  // namespace voxd
