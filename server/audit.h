#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

namespace voxd {

/// What the audit file keeps of one job.
struct AuditRecord {
  std::string request_id;
  std::string trace;   ///< of the caller's traceparent; empty: none
  std::string client;  ///< as the queue knows it
  std::string model, version, network_sha256;
  std::vector<std::string> input_sha256;   ///< of each part or tensor as it came
  std::vector<std::string> output_sha256;  ///< of each result as it is sent
  std::string outcome = "OK";              ///< gRPC's name of the code
};

/// Who had what done, when, by what, and what came of it: a file of its own, a line of JSON for each job, only ever
/// appended to. A job whose line cannot be written is not answered with a result: nothing leaves unrecorded. Moving the
/// file away and calling reopen() (SIGHUP) begins a new one. Safe from any thread.
class Audit {
 public:
  /// Empty: none is kept. Throws Error{invalid_argument} naming the setting if the file cannot be opened.
  explicit Audit(std::filesystem::path file);
  ~Audit();
  Audit(const Audit&) = delete;

  bool on() const { return !file_.empty(); }
  /// Throws Error{unavailable} if the line cannot be written whole; what was of it is taken back.
  void write(const AuditRecord& record);
  /// Opens the file anew under its name. Throws as the constructor does, and goes on with the old one then.
  void reopen();

 private:
  int open_file() const;

  const std::filesystem::path file_;
  std::mutex mutex_;
  int descriptor_ = -1;  // guarded by mutex_
};

}  // namespace voxd
