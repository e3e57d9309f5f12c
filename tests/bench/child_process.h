#pragma once

#include <sys/types.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace voxd::bench {

/// A program that is asked line by line on its standard input and answers so on its output. Used by one thread.
class ChildProcess {
 public:
  /// Starts `words[0]`, a path, with the others as its arguments; `environment` is put on top of ours. Throws
  /// Error{internal} if there can be no more processes.
  ChildProcess(const std::vector<std::string>& words, const std::map<std::string, std::string>& environment);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;

  void write_line(const std::string& line);
  /// Without its end; empty when the program has ended.
  std::string read_line();

 private:
  pid_t pid_ = -1;
  std::FILE *to_ = nullptr, *from_ = nullptr;
};

}  // namespace voxd::bench
