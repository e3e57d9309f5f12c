#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace voxd::ctl {

/// One result on its way to disk. The name shows up only when the bytes are complete: they go to a hidden temporary
/// file beside it, which publish() renames. What exists already and is no regular file (a pipe, /dev/null) is written
/// in place; "-" is standard output. Used by one thread.
class OutputFile {
 public:
  /// Creates the temporary file, so that a folder that is missing or read-only is known before any work is done.
  /// `option` names the output in errors. Throws OutputError.
  OutputFile(std::string option, std::string path);
  /// Leaves nothing behind of a file that was not published.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  bool is_stdout() const { return path_ == "-"; }
  const std::string& option() const { return option_; }
  const std::string& path() const { return path_; }

  void write(std::string_view bytes);
  void publish();

 private:
  [[noreturn]] void fail_output(int error) const;

  const std::string option_, path_;
  std::filesystem::path target_;  // path_ with symbolic links followed
  std::string temporary_;         // empty: written in place, or published
  int descriptor_ = -1;
};

}  // namespace voxd::ctl
