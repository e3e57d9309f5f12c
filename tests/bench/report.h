#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/bench_case.h"

namespace voxd::bench {

/// What was measured of one case.
struct Row {
  std::string name;
  double ms = 0;
  std::optional<double> gb_per_s, of_floor;
  std::optional<double> peer_ms, jemalloc_ms;  ///< MONAI's time, and its time with the better allocator
  double target = 0;
};

/// What the rows were measured on.
struct Setting {
  std::string processor, backend;
  int threads = 0;
  double floor_gb_per_s = 0;
  Json peer;  ///< null if there was none
};

/// The name of this machine's processor.
std::string processor_name();

void print_head();
void print_row(const Row& row);

/// Appends a section with the date, the setting and the rows, in Markdown. Throws Error{internal} if the file cannot be
/// written.
void append_to(const std::filesystem::path& file, const Setting& setting, const std::vector<Row>& rows);

}  // namespace voxd::bench
