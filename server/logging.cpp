#include "server/logging.h"

#include <spdlog/details/file_helper.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr const char* kText = "%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v";
constexpr const char* kJson = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%*})";

constexpr char kOwnMembers = '\x1e';  // before a message that is an object; nobody else writes it

/// The message as members of a JSON object.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    const std::string members =
        text.starts_with(kOwnMembers) ? std::string(text.substr(2, text.size() - 3)) : "\"message\":" + quoted(text);
    out.append(members.data(), members.data() + members.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }

 private:
  static std::string quoted(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  }
};

/// Appends to a file that can be opened anew under its name.
class LogFile final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LogFile(const std::string& name) { file_.open(name); }
  void reopen() {
    const std::lock_guard lock(mutex_);
    file_.reopen(false);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_.write(line);
  }
  void flush_() override { file_.flush(); }

 private:
  spdlog::details::file_helper file_;
};

// Set once, at start.
std::shared_ptr<LogFile> log_file;
bool log_is_json = false;

spdlog::sink_ptr make_sink(const LogSettings& settings) {
  if (settings.file.empty()) return std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  try {
    return log_file = std::make_shared<LogFile>(settings.file.string());
  } catch (const spdlog::spdlog_ex& error) {
    fail(Code::invalid_argument, "--log-file: '", settings.file.string(), "': ", error.what());
  }
}

std::unique_ptr<spdlog::formatter> make_formatter(bool json) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (json) formatter->add_flag<JsonMessage>('*');
  formatter->set_pattern(json ? kJson : kText);
  return formatter;
}

}  // namespace

void start_logging(const LogSettings& settings) {
  auto logger = std::make_shared<spdlog::logger>("voxd", make_sink(settings));
  log_is_json = settings.json;
  logger->set_formatter(make_formatter(settings.json));
  logger->set_level(spdlog::level::from_str(settings.level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void log_event(const std::string& text, const std::string& json) {
  if (log_is_json)
    spdlog::info("{}{}", kOwnMembers, json);
  else
    spdlog::info("{}", text);
}

void reopen_log() {
  if (!log_file) return;
  try {
    log_file->reopen();
  } catch (const spdlog::spdlog_ex& error) {
    spdlog::error("--log-file: {}", error.what());
  }
}

}  // namespace voxd
