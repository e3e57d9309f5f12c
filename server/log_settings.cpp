#include "server/log_settings.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "gpu_transforms/volume/error.h"
#include "server/printable.h"

namespace voxd {
namespace {

using Value = inference::LogSettingsRequest::SettingValue;

constexpr const char* kVerbose = "log_verbose_level";
constexpr int kMaxVerbose = 2;

// How much is logged: nothing, errors, then one rung more each, up to traces.
constexpr std::array<spdlog::level::level_enum, 6> kLadder{spdlog::level::off,   spdlog::level::err,
                                                           spdlog::level::warn,  spdlog::level::info,
                                                           spdlog::level::debug, spdlog::level::trace};
constexpr std::array<const char*, 4> kNames{"", "log_error", "log_warning", "log_info"};  // by rung
constexpr int kInfo = 3;
constexpr int kTop = static_cast<int>(kLadder.size()) - 1;

int current_rung() {
  for (int rung = kTop; rung > 0; --rung)
    if (spdlog::get_level() <= kLadder[static_cast<std::size_t>(rung)]) return rung;
  return 0;
}

/// The rungs that a request leaves to choose from.
struct Range {
  int least = 0, most = kTop;

  void take(const std::string& name, const Value& value) {
    if (name == kVerbose) {
      take_verbosity(value);
      return;
    }
    const auto named = std::find(kNames.begin() + 1, kNames.end(), name);
    if (named == kNames.end())
      fail(Code::invalid_argument, "log setting '", printable(name), "': cannot be changed over the network");
    if (value.parameter_choice_case() != Value::kBoolParam) fail(Code::invalid_argument, name, ": must be a bool");
    const int rung = static_cast<int>(named - kNames.begin());
    if (value.bool_param())
      least = std::max(least, rung);
    else
      most = std::min(most, rung - 1);
  }

 private:
  void take_verbosity(const Value& value) {
    if (value.parameter_choice_case() != Value::kUint32Param || value.uint32_param() > kMaxVerbose)
      fail(Code::invalid_argument, kVerbose, ": must be a uint32 number from 0 to ", kMaxVerbose);
    const int rung = kInfo + static_cast<int>(value.uint32_param());
    most = std::min(most, rung);
    if (rung > kInfo) least = std::max(least, rung);
  }
};

void change(const inference::LogSettingsRequest& request) {
  Range range;
  for (const auto& [name, value] : request.settings()) range.take(name, value);
  if (range.least > range.most)
    fail(Code::invalid_argument, "log settings: one level cannot be on while one before it is off");
  const int rung = std::clamp(current_rung(), range.least, range.most);
  spdlog::set_level(kLadder[static_cast<std::size_t>(rung)]);
}

}  // namespace

void apply_log_settings(const inference::LogSettingsRequest& request, bool may_change,
                        inference::LogSettingsResponse& response) {
  if (!request.settings().empty()) {
    if (!may_change)
      fail(Code::permission_denied, "log settings: this server was started without --model-control and changes none");
    change(request);
  }
  const int rung = current_rung();
  auto& settings = *response.mutable_settings();
  for (int i = 1; i <= kInfo; ++i) settings[kNames[static_cast<std::size_t>(i)]].set_bool_param(i <= rung);
  settings[kVerbose].set_uint32_param(static_cast<std::uint32_t>(std::max(0, rung - kInfo)));
}

}  // namespace voxd
