#pragma once

#include <filesystem>
#include <string>

namespace voxd {

struct LogSettings {
  std::string level = "info";       ///< spdlog's name
  bool json = false;                ///< one JSON object a line instead of text
  std::filesystem::path file = {};  ///< empty: stderr
};

/// Sends the log where the settings say. Once, at start. Throws Error{invalid_argument} naming the setting if the file
/// cannot be opened.
void start_logging(const LogSettings& settings);

/// Writes a line of its own members: `json` is an object, which a log in JSON takes up as it is; `text` is the same for
/// people.
void log_event(const std::string& text, const std::string& json);

/// Opens the log's file anew under its name, for who moves old ones away. Nothing where the log goes to stderr.
void reopen_log();

}  // namespace voxd
