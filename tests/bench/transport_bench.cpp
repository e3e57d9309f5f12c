// What it costs to bring a volume to a server and its labels back, by each way: transport_bench --help.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <thread>

#include "client/segmentation_client.h"
#include "client/shared_memory_block.h"
#include "client/voxctl/http_inference.h"
#include "server/encode/nifti.h"
#include "tests/bench/report.h"
#include "tests/bench/transport_server.h"
#include "tests/bench/transport_sides.h"

using namespace voxd;
using namespace voxd::bench;

namespace {

using Clock = std::chrono::steady_clock;

double ms_of(const std::function<void()>& act) {
  const Clock::time_point start = Clock::now();
  act();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median_ms(int runs, const std::function<void()>& act) {
  for (int i = 0; i < 2; ++i) act();
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) times.push_back(ms_of(act));
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

struct Measured {
  std::string name;
  double ms = 0;
  std::string target;
  bool met = true;
};

class TransportBench {
 public:
  TransportBench(std::string program, std::string python, int runs)
      : program_(std::move(program)), python_(std::move(python)), runs_(runs) {
    std::fill(volume_.begin(), volume_.end(), 1.0f);
  }

  void run() {
    measure_floor();
    measure_typed_peer();
    measure_voxd();
    measure_six_clients();
    measure_refusal();
    if (!python_.empty()) measure_python();
  }

  /// As a section of RESULTS.md.
  std::string section() const {
    std::ostringstream text;
    text << "### Transport, " << processor_name() << "\n\n"
         << "A volume of 119.5 MB in (float32 512x512x114), label maps of 22.5 MB out, by a model that does nothing, "
            "over loopback. *ms* is the "
            "median of "
         << runs_ << " runs; *x copy* is against a warm copy of the volume.\n\n"
         << "| way | ms | x copy | target |\n| --- | --: | --: | --- |\n";
    for (const Measured& row : rows_)
      text << "| " << row.name << " | " << fixed(row.ms) << " | " << fixed(row.ms / floor_ms_) << " | "
           << (row.target.empty() ? "-" : row.target + (row.met ? "" : ": **missed**")) << " |\n";
    text << "\n| | measured | target |\n| --- | --: | --- |\n";
    for (const Measured& row : counts_)
      text << "| " << row.name << " | " << fixed(row.ms, 0) << " | "
           << (row.target.empty() ? "-" : row.target + (row.met ? "" : ": **missed**")) << " |\n";
    return text.str();
  }

 private:
  static std::string fixed(double value, int digits = 1) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(digits) << value;
    return text.str();
  }

  void add(const std::string& name, double ms, double most = 0, const std::string& target = {}) {
    rows_.push_back({name, ms, target, target.empty() || ms <= most});
    std::cerr << name << ": " << fixed(ms) << " ms, " << fixed(ms / floor_ms_) << "x copy\n";
  }
  void count(const std::string& name, double value, double most, const std::string& target) {
    counts_.push_back({name, value, target, target.empty() || value <= most});
    std::cerr << name << ": " << fixed(value, 0) << '\n';
  }

  void measure_floor() {
    std::vector<float> copy(volume_.size());
    floor_ms_ = median_ms(runs_, [&] { std::memcpy(copy.data(), volume_.data(), bytes().size()); });
    add("copy in memory", floor_ms_);
  }

  void typed(TypedClient& client) {
    if (const grpc::Status status = client.infer(bytes(), labels_); !status.ok())
      fail(Code::internal, "typed client: ", status.error_message());
  }

  void measure_typed_peer() {
    ServerProcess peer(program_, "typed");
    TypedClient client(peer.address());
    typed_ms_ = median_ms(runs_, [&] { typed(client); });
    add("plain typed server, typed client", typed_ms_);
  }

  void measure_voxd() {
    ServerProcess server(program_, "voxd");
    TypedClient plain(server.address());
    add("ModelInfer, typed client", median_ms(runs_, [&] { typed(plain); }), std::min(0.5 * typed_ms_, 11 * floor_ms_),
        "half of the plain server's, 11x");
    measure_faults(server, plain);
    SegmentationClient client(server.address());
    const auto input = VolumeInput::of<float>("labels", {kVolume[0], kVolume[1], kVolume[2]}, volume_);
    add("ModelInfer, our client", median_ms(runs_, [&] { take(client.infer(input)); }), 9.5 * floor_ms_, "9.5x");
    const std::vector<std::int16_t> shorts(volume_.size(), 1);
    const auto as_short = VolumeInput::of<std::int16_t>("labels", {kVolume[0], kVolume[1], kVolume[2]}, shorts);
    add("ModelInfer, our client, int16", median_ms(runs_, [&] { take(client.infer(as_short)); }));
    measure_shared(client, input);
    ctl::HttpInference http(server.http_address(), {});
    add("HTTP, binary tensors", median_ms(runs_, [&] {
          take(http.infer(input, {"INPUT0", "FP32", {1, -1, -1, -1}}));
        }));
    measure_stream(server, client);
  }

  void measure_faults(ServerProcess& server, TypedClient& client) {
    const std::int64_t before = server.usage().minor_faults;
    for (int i = 0; i < runs_; ++i) typed(client);
    const auto faults = static_cast<double>(server.usage().minor_faults - before) / runs_;
    count("minor page faults of the server, a request of ModelInfer", faults, 1000, "below 1000");
  }

  void measure_shared(SegmentationClient& client, const VolumeInput& input) {
    SharedMemoryBlock block(client, static_cast<std::size_t>(kVolumeBytes + 2 * kLabelBytes));
    const std::span<std::byte> all = block.bytes();
    std::memcpy(all.data(), input.voxels.data(), input.voxels.size());
    VolumeInput shared = input;
    shared.voxels = all.first(input.voxels.size());
    shared.shared = &block;
    const auto at = [&](int i) {
      return all.subspan(static_cast<std::size_t>(kVolumeBytes + i * kLabelBytes),
                         static_cast<std::size_t>(kLabelBytes));
    };
    shared.outputs = {{"MASK", at(0)}, {"CONTOUR", at(1)}};
    add("shared memory, the volume there already", median_ms(runs_, [&] { client.infer(shared); }), 2 * floor_ms_,
        "2x");
  }

  // The file is the volume and a header; results are compressed files, which is not the transport's time.
  SegmentationInput stream_input(const std::vector<std::byte>& file) const {
    SegmentationInput input;
    input.model = "labels";
    input.parts = {ImagePart::memory("volume.nii", file)};
    return input;
  }
  std::vector<std::byte> nifti_file() const {
    HostVolume volume = make_host_volume(DType::f32, 1, {{kVolume[0], kVolume[1], kVolume[2]}, identity_affine()});
    std::memcpy(volume.voxels.data(), volume_.data(), bytes().size());
    return encode_nifti(volume);
  }

  void measure_stream(ServerProcess& server, SegmentationClient& client) {
    const std::vector<std::byte> file = nifti_file();
    const SegmentationInput input = stream_input(file);
    std::vector<double> times;  // less the server's own
    server.reset_peak();
    const std::int64_t before = server.usage().resident_kb;
    for (int i = 0; i < runs_ + 2; ++i) {
      SegmentationOutcome outcome;
      const double ms = ms_of([&] { outcome = client.segment(input); });
      if (i >= 2) times.push_back(ms - outcome.stage_ms.at("decode") - outcome.stage_ms.at("encode"));
    }
    std::sort(times.begin(), times.end());
    add("Segment (stream), decoding and encoding left out", times[times.size() / 2], 12 * floor_ms_, "12x");
    count("MB more in the server, one stream", static_cast<double>(server.usage().peak_kb - before) / 1000, 120, "120");
  }

  void measure_six_clients() {
    ServerProcess server(program_, "voxd");
    const std::vector<std::byte> file = nifti_file();
    const std::int64_t before = server.usage().resident_kb;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i)
      threads.emplace_back([&] {
        SegmentationClient client(server.address());
        for (int k = 0; k < 2; ++k) client.segment(stream_input(file));
      });
    threads.clear();
    count("MB more in the server, each of six streams", static_cast<double>(server.usage().peak_kb - before) / 6000, 64,
          "64");
  }

  // All the server's memory for images is promised to another call while these are refused.
  void measure_refusal() {
    ServerProcess server(program_, "voxd", kVolumeBytes + (kVolumeBytes >> 1));
    const HeldCall holder(server.address(), "labels", kVolumeBytes);
    TypedClient client(server.address());
    const auto refused = [&] {
      if (client.infer(bytes(), labels_).error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED)
        fail(Code::internal, "refusal: the server has taken it");
    };
    const auto costs = [&](const std::function<void()>& act) {
      server.reset_peak();
      const std::int64_t before = server.usage().resident_kb;
      act();
      return static_cast<double>(server.usage().peak_kb - before) / 1000;
    };
    count("MB that the first refused volume of a connection costs the server", costs(refused), 8, "8");
    double ms = 0;
    const double most = costs([&] { ms = median_ms(runs_, refused); });
    count("MB that those after it cost it, one after the other", most, 0, {});
    add("a refused ModelInfer, typed client", ms);
  }

  double python_ms(const char* protocol, int port) const {
    ChildProcess child({python_, VOXD_TRANSPORT_PYTHON, protocol, std::to_string(port), std::to_string(runs_)}, {});
    return std::stod(child.read_line());
  }

  void measure_python() {
    double peer_ms = 0;
    {
      ServerProcess peer(program_, "typed");
      peer_ms = python_ms("grpc", peer.port());
    }
    add("plain typed server, tritonclient (Python)", peer_ms);
    ServerProcess server(program_, "voxd");
    add("ModelInfer, tritonclient (Python)", python_ms("grpc", server.port()), 0.7 * peer_ms,
        "0.7 of the plain server's");
    add("HTTP, tritonclient (Python)", python_ms("http", server.http_port()));
  }

  void take(const VolumeOutcome& outcome) {
    std::size_t at = 0;
    for (const OutputTensorData& output : outcome.outputs) {
      std::memcpy(labels_.data() + at, output.bytes.data(), output.bytes.size());
      at += output.bytes.size();
    }
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(volume_)); }

  const std::string program_, python_;
  const int runs_;
  std::vector<float> volume_ = std::vector<float>(static_cast<std::size_t>(kVolumeBytes) / 4);
  std::vector<std::byte> labels_ = std::vector<std::byte>(static_cast<std::size_t>(2 * kLabelBytes));
  double floor_ms_ = 0, typed_ms_ = 0;
  std::vector<Measured> rows_, counts_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures what it costs to bring a volume to a server and its labels back.", "transport_bench");
  std::string serve, python, write;
  std::int64_t queue_bytes = 0;
  int runs = 9;
  app.add_option("--serve", serve, "Be the server (used by this program itself)")
      ->check(CLI::IsMember({"voxd", "typed"}));
  app.add_option("--queue-bytes", queue_bytes, "Of that server");
  app.add_option("--python", python, "A Python that has tritonclient, to be measured as well");
  app.add_option("--runs", runs, "Runs of which the median counts")->capture_default_str()->check(CLI::Range(1, 100));
  app.add_option("--write", write, "Append the result to this file");
  CLI11_PARSE(app, argc, argv);
  try {
    if (!serve.empty()) {
      serve_transport(serve, queue_bytes);
      return 0;
    }
    TransportBench bench("/proc/self/exe", python, runs);
    bench.run();
    std::cout << bench.section();
    if (!write.empty()) std::ofstream(write, std::ios::app) << '\n' << bench.section();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "transport_bench: " << error.what() << '\n';
    return 1;
  }
}
