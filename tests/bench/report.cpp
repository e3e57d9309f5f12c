#include "tests/bench/report.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <iomanip>
#include <sstream>

namespace voxd::bench {
namespace {

std::string number(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string milliseconds(double ms) { return number(ms, ms < 1 ? 3 : ms < 100 ? 2 : 0); }

std::string optional_text(const std::optional<double>& value, int digits, const char* unit) {
  return value ? number(*value, digits) + unit : "-";
}

std::string times(const std::optional<double>& peer_ms, double ms) {
  if (!peer_ms) return "-";
  const double ratio = *peer_ms / ms;
  return number(ratio, ratio < 10 ? 1 : 0) + "x";
}

std::string peer_text(const std::optional<double>& peer_ms) { return peer_ms ? milliseconds(*peer_ms) : "-"; }

std::string target_text(double target) { return target > 0 ? number(target, 0) + "x" : "-"; }

std::vector<std::string> cells(const Row& row) {
  return {row.name,
          milliseconds(row.ms),
          optional_text(row.gb_per_s, 1, ""),
          row.of_floor ? optional_text(*row.of_floor * 100, 0, " %") : "-",
          peer_text(row.peer_ms),
          times(row.peer_ms, row.ms),
          peer_text(row.jemalloc_ms),
          times(row.jemalloc_ms, row.ms),
          target_text(row.target)};
}

std::vector<std::string> heads() {
  return {"step", "ms", "GB/s", "of floor", "MONAI ms", "faster", "jemalloc ms", "faster", "target"};
}

void print(const std::vector<std::string>& columns) {
  std::printf("%-92s", columns[0].c_str());
  for (std::size_t i = 1; i < columns.size(); ++i) std::printf(" %11s", columns[i].c_str());
  std::printf("\n");
  std::fflush(stdout);
}

std::string today() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

std::string markdown(const std::vector<std::string>& columns) {
  std::string line = "|";
  for (const std::string& column : columns) line += " " + column + " |";
  return line + "\n";
}

constexpr const char* kPreface = R"(# Measured

Written by `transforms_bench --write`; the newest section is the last.

- *ms* is the best run of a step, data in memory that has been used before.
- *of floor* is its speed, counting each byte of its input and its result once (of sliding windows also those of each
  window), against that of reading a float32 volume and writing it again, measured right before and after. A step that
  keeps its result in a cache can be above 100 %.
- *MONAI ms* is the best run of the same step in MONAI, on the same data with as many threads; *jemalloc ms* the same
  where Python runs under jemalloc with huge pages and `OMP_WAIT_POLICY=PASSIVE`, which is faster than MONAI as
  installed.
- *target* is what was aimed at for images of real size, against MONAI as installed.
- *fused* rows run several steps in one pass, as the server does with a bundle's; *step by step* is the chain as it is
  written.
)";

void append(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::app);
  out << text;
  if (!out.flush()) fail(Code::internal, file.string(), ": cannot be written");
}

void print_names(const char* what, const std::vector<Row>& rows, const std::function<bool(const Row&)>& chosen) {
  std::printf("%s:", what);
  bool none = true;
  for (const Row& row : rows)
    if (chosen(row)) {
      std::printf("\n  %s: %s", row.name.c_str(), times(row.peer_ms, row.ms).c_str());
      none = false;
    }
  std::printf("%s\n", none ? " none" : "");
}

}  // namespace

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

void print_head() { print(heads()); }

void print_row(const Row& row) { print(cells(row)); }

void print_shortfalls(const std::vector<Row>& rows) {
  print_names("slower than MONAI", rows, [](const Row& row) { return row.peer_ms && *row.peer_ms < row.ms; });
  print_names("slower than MONAI with jemalloc", rows,
              [](const Row& row) { return row.jemalloc_ms && *row.jemalloc_ms < row.ms; });
  print_names("below their targets", rows,
              [](const Row& row) { return row.peer_ms && *row.peer_ms < row.target * row.ms; });
}

void append_head(const std::filesystem::path& file, const Setting& setting) {
  std::error_code missing;
  const bool fresh = std::filesystem::file_size(file, missing) == 0 || missing;
  std::ostringstream text;
  if (fresh) text << kPreface;
  text << "\n## " << today() << ", " << setting.machine << "\n\n"
       << "Backend " << setting.backend << ", " << setting.threads << " threads, copy floor "
       << number(setting.floor_gb_per_s, 1) << " GB/s at the start";
  if (!setting.peer.is_null())
    text << "; MONAI " << setting.peer.at("monai").get<std::string>() << ", torch "
         << setting.peer.at("torch").get<std::string>() << ", " << setting.peer.at("threads") << " threads";
  text << ".\n\n" << markdown(heads()) << markdown({"---", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:"});
  append(file, text.str());
}

void append_row(const std::filesystem::path& file, const Row& row) { append(file, markdown(cells(row))); }

}  // namespace voxd::bench
