#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "client/voxctl/bench_load.h"

namespace voxd::ctl {

/// A load's result for people, several lines.
std::string text_of(const BenchResult& result);
/// The same for programs.
std::string json_of(const BenchResult& result);

/// One volume over several ways; what is shown are medians.
using Comparison = std::vector<std::pair<Way, BenchResult>>;
std::string table_of(const Comparison& comparison);
std::string json_of(const Comparison& comparison);
/// A PNG with a bar for each way: the whole time, in it what the server worked.
std::vector<std::byte> chart_of(const Comparison& comparison);

}  // namespace voxd::ctl
