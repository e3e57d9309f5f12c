#include "client/voxctl/bench_report.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "server/encode/picture.h"

namespace voxd::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<const char*, double> kPercentiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};

double mean_of(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median_of(const std::vector<double>& sorted) { return percentile(sorted, 0.5); }

/// What is the same whichever way a volume comes: the model's chain.
double work_ms(const BenchResult& result) {
  double sum = 0;
  for (const char* stage : {"pre", "network", "post"})
    if (const auto found = result.stage_ms.find(stage); found != result.stage_ms.end()) sum += median_of(found->second);
  return sum;
}

const char* title_of(Way way) {
  switch (way) {
    case Way::http: return "HTTP (KServe, binary tensors)";
    case Way::grpc: return "gRPC (ModelInfer)";
    case Way::segment: return "gRPC (Segment, the file as it is)";
    case Way::shared_memory: return "shared memory (ModelInfer)";
  }
  return "?";
}

const char* short_title_of(Way way) {
  switch (way) {
    case Way::http: return "HTTP";
    case Way::grpc: return "GRPC";
    case Way::segment: return "SEGMENT";
    case Way::shared_memory: return "SHARED MEMORY";
  }
  return "?";
}

std::string fixed(double value, int digits = 1) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

Json object_of(const BenchResult& result) {
  Json json;
  json["answered"] = result.latency_ms.size();
  json["failed"] = result.failed();
  json["errors"] = result.errors;
  json["seconds"] = result.seconds;
  json["requests_per_second"] = result.per_second();
  json["bytes_sent"] = result.bytes_sent;
  json["bytes_received"] = result.bytes_received;
  Json& latency = json["latency_ms"];
  latency["min"] = percentile(result.latency_ms, 0);
  latency["mean"] = mean_of(result.latency_ms);
  for (const auto& [name, share] : kPercentiles) latency[name] = percentile(result.latency_ms, share);
  latency["max"] = percentile(result.latency_ms, 1);
  for (const auto& [stage, ms] : result.stage_ms) json["stage_ms"][stage] = median_of(ms);
  return json;
}

}  // namespace

std::string text_of(const BenchResult& result) {
  std::ostringstream text;
  text << result.latency_ms.size() << " answered, " << result.failed() << " failed in " << fixed(result.seconds)
       << " s: " << fixed(result.per_second(), 2) << " a second\n";
  if (!result.latency_ms.empty()) {
    text << "latency ms ";
    for (const auto& [name, share] : kPercentiles)
      text << "  " << name << ' ' << fixed(percentile(result.latency_ms, share));
    text << "  mean " << fixed(mean_of(result.latency_ms)) << "  max " << fixed(result.latency_ms.back()) << '\n';
  }
  if (!result.stage_ms.empty()) {
    text << "of that, median ms";
    for (const auto& [stage, ms] : result.stage_ms) text << "  " << stage << ' ' << fixed(median_of(ms));
    text << '\n';
  }
  for (const auto& [code, count] : result.errors)
    text << count << " x " << code << ": " << result.examples.at(code) << '\n';
  return text.str();
}

std::string json_of(const BenchResult& result) { return object_of(result).dump(2); }

std::string table_of(const Comparison& comparison) {
  std::ostringstream text;
  text << std::left << std::setw(36) << "way" << std::right << std::setw(12) << "total ms" << std::setw(12)
       << "model ms" << std::setw(12) << "moving ms" << std::setw(12) << "MB sent" << '\n';
  for (const auto& [way, result] : comparison) {
    const double total = median_of(result.latency_ms);
    const double requests = static_cast<double>(std::max<std::size_t>(1, result.latency_ms.size()));
    text << std::left << std::setw(36) << title_of(way) << std::right << std::setw(12) << fixed(total) << std::setw(12)
         << fixed(work_ms(result)) << std::setw(12) << fixed(total - work_ms(result)) << std::setw(12)
         << fixed(static_cast<double>(result.bytes_sent) / requests / 1e6) << '\n';
  }
  return text.str();
}

std::string json_of(const Comparison& comparison) {
  Json json = Json::object();
  for (const auto& [way, result] : comparison) {
    Json entry = object_of(result);
    entry["total_ms"] = median_of(result.latency_ms);
    entry["model_ms"] = work_ms(result);
    json[name_of(way)] = std::move(entry);
  }
  return json.dump(2);
}

std::vector<std::byte> chart_of(const Comparison& comparison) {
  constexpr Rgb ground{250, 250, 250}, ink{40, 40, 40}, moving{222, 110, 60}, work{70, 120, 170};
  constexpr int row = 56, bar = 28, left = 260, bars = 640, right = 180, top = 24, scale = 2;
  Picture picture(left + bars + right, top + row * static_cast<int>(comparison.size()) + 48, ground);
  double most = 1e-9;
  for (const auto& [way, result] : comparison) most = std::max(most, median_of(result.latency_ms));
  const auto pixels = [most](double ms) { return static_cast<int>(std::lround(ms / most * bars)); };
  int y = top;
  for (const auto& [way, result] : comparison) {
    const double total = median_of(result.latency_ms);
    const int text_y = y + (bar - Picture::text_height(scale)) / 2;
    picture.write_plain(left - 16 - Picture::text_width(short_title_of(way), scale), text_y, short_title_of(way), ink,
                        scale);
    picture.fill(left, y, pixels(total), bar, moving);
    picture.fill(left, y, pixels(std::min(total, work_ms(result))), bar, work);
    picture.write_plain(left + pixels(total) + 12, text_y, fixed(total) + " ms", ink, scale);
    y += row;
  }
  picture.fill(left, y + 6, 20, 14, work);
  picture.write_plain(left + 28, y + 6, "MODEL", ink, scale);
  picture.fill(left + 140, y + 6, 20, 14, moving);
  picture.write_plain(left + 168, y + 6, "MOVING DATA", ink, scale);
  return picture.png();
}

}  // namespace voxd::ctl
