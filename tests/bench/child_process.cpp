#include "tests/bench/child_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "gpu_transforms/volume/error.h"

namespace voxd::bench {
namespace {

/// Runs in the new process; does not come back.
[[noreturn]] void become(const std::vector<std::string>& words, const std::map<std::string, std::string>& environment,
                         int in, int out) {
  ::dup2(in, 0);
  ::dup2(out, 1);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& words,
                           const std::map<std::string, std::string>& environment) {
  std::signal(SIGPIPE, SIG_IGN);  // a child that has ended is told by its answer
  int there[2], back[2];
  if (::pipe2(there, O_CLOEXEC) != 0 || ::pipe2(back, O_CLOEXEC) != 0) fail(Code::internal, "pipe: no more files");
  pid_ = ::fork();
  if (pid_ == 0) become(words, environment, there[0], back[1]);
  ::close(there[0]);
  ::close(back[1]);
  to_ = ::fdopen(there[1], "w");
  from_ = ::fdopen(back[0], "r");
  if (pid_ < 0) fail(Code::internal, "fork: no more processes");
}

ChildProcess::~ChildProcess() {
  std::fclose(to_);  // its input ends, and so does it
  std::fclose(from_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::write_line(const std::string& line) {
  std::fputs((line + "\n").c_str(), to_);
  std::fflush(to_);
}

std::string ChildProcess::read_line() {
  char* text = nullptr;
  std::size_t capacity = 0;
  const ssize_t length = ::getline(&text, &capacity, from_);
  std::string line = length > 0 ? std::string(text, static_cast<std::size_t>(length)) : "";
  std::free(text);
  if (!line.empty() && line.back() == '\n') line.pop_back();
  return line;
}

}  // namespace voxd::bench
