#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace voxd::test {

/// A program that was started with its output caught. Used by one thread.
class Process {
 public:
  struct Setup {
    std::string input = {};                               // for standard input
    std::map<std::string, std::string> environment = {};  // on top of ours
    bool error_on_terminal = false;                       // standard error is a terminal
  };

  /// `arguments[0]` is the program's path.
  explicit Process(const std::vector<std::string>& arguments);
  Process(const std::vector<std::string>& arguments, const Setup& setup);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send_signal(int signal) const;
  /// Waits for its end: the exit code, or 1000 + the signal that ended it.
  int wait();
  /// What it wrote; after wait().
  std::string output() const { return read_file(folder_.path() / "out"); }
  std::string error() const { return terminal_ < 0 ? read_file(folder_.path() / "err") : terminal_text_; }

 private:
  TemporaryFolder folder_;
  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string terminal_text_;
};

}  // namespace voxd::test
