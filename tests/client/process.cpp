#include "tests/client/process.h"

#include <fcntl.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

extern char** environ;

namespace voxd::test {
namespace {

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& ours) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (!name.starts_with("VOXD_") && ours.count(name) == 0) entries.push_back(text);
  }
  for (const auto& [name, value] : ours) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments) : Process(arguments, Setup{}) {}

Process::Process(const std::vector<std::string>& arguments, const Setup& setup) {
  const std::string in = folder_.write("in", setup.input).string();
  const std::string out = (folder_.path() / "out").string(), err = (folder_.path() / "err").string();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  int terminal_end = -1;
  if (setup.error_on_terminal) {
    if (::openpty(&terminal_, &terminal_end, nullptr, nullptr, nullptr) != 0)
      throw std::system_error(errno, std::generic_category(), "openpty");
    ::fcntl(terminal_, F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_adddup2(&actions, terminal_end, 2);
  } else {
    posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  }
  std::vector<std::string> words = arguments, environment = merged_environment(setup.environment);
  const int error =
      ::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, pointers(words).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (terminal_end >= 0) ::close(terminal_end);
  if (error != 0) throw std::system_error(error, std::generic_category(), words[0]);
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (terminal_ >= 0) ::close(terminal_);
}

void Process::send_signal(int signal) const { ::kill(pid_, signal); }

int Process::wait() {
  // A terminal ends with an error once nobody holds its other side.
  char block[4096];
  for (ssize_t got = 0; terminal_ >= 0 && (got = ::read(terminal_, block, sizeof block)) > 0;)
    terminal_text_.append(block, static_cast<std::size_t>(got));
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace voxd::test
