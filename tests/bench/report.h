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
  std::string machine;  ///< the processor's name, or the card's
  std::string backend;
  int threads = 0;
  double floor_gb_per_s = 0;
  Json peer;  ///< null if there was none
};

/// The name of this machine's processor.
std::string processor_name();

void print_head();
void print_row(const Row& row);
/// The steps in which MONAI was faster, and those that missed their target.
void print_shortfalls(const std::vector<Row>& rows);

/// Appends the head of a section, in Markdown: the date and the setting; the first section of a file stands below what
/// the columns mean. Throws Error{internal} if the file cannot be written.
void append_head(const std::filesystem::path& file, const Setting& setting);
/// Appends a row to it, so that what was measured is kept if a later step fails.
void append_row(const std::filesystem::path& file, const Row& row);

}  // namespace voxd::bench
