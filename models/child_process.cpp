#include "models/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "gpu_transforms/volume/error.h"

extern char** environ;

namespace voxd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_output = 4096;

[[noreturn]] void refuse(const char* what, int error) {
  fail(Code::internal, "child process: ", what, ": ", std::strerror(error));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  int get() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

/// Signals that our threads block or ignore are the child's to die of.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

/// A copy of a descriptor above those that a child's own are put in place of. Of none (-1) there is no copy.
Descriptor copy_above(int number, int least) {
  if (number < 0) return Descriptor(-1);
  const int copy = ::fcntl(number, F_DUPFD_CLOEXEC, least);
  if (copy < 0) refuse("descriptor", errno);
  return Descriptor(copy);
}

class SpawnFiles {
 public:
  explicit SpawnFiles(const ChildSurroundings& surroundings)
      : input_(copy_above(surroundings.input, first_free)),
        output_(copy_above(surroundings.output, first_free)),
        extra_(copy_above(surroundings.extra, first_free)) {
    ::posix_spawn_file_actions_init(&actions_);
    give(input_, STDIN_FILENO, O_RDONLY);
    give(output_, STDOUT_FILENO, O_WRONLY);
    ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (extra_.get() >= 0) ::posix_spawn_file_actions_adddup2(&actions_, extra_.get(), extra_number);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, extra_.get() >= 0 ? first_free : extra_number);
  }
  ~SpawnFiles() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnFiles(const SpawnFiles&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  static constexpr int extra_number = STDERR_FILENO + 1;
  static constexpr int first_free = extra_number + 1;

  void give(const Descriptor& file, int number, int mode) {
    if (file.get() >= 0)
      ::posix_spawn_file_actions_adddup2(&actions_, file.get(), number);
    else
      ::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", mode, 0);
  }

  const Descriptor input_, output_, extra_;
  posix_spawn_file_actions_t actions_;
};

/// Texts as C wants them: pointers, the last one null.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// Reads until the child has closed its output, which it does by ending. False: not before `until`.
bool read_to_end(int output, Clock::time_point until, std::string& text) {
  std::array<char, 1024> chunk;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{output, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 1'000'000)));
    if (ready < 0 && errno != EINTR) refuse("poll", errno);
    if (ready <= 0) continue;
    const ssize_t count = ::read(output, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    text.append(chunk.data(),
                std::min(static_cast<std::size_t>(count), most_output - std::min(most_output, text.size())));
  }
}

}  // namespace

pid_t start_child(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                  const ChildSurroundings& surroundings) {
  std::vector<char*> argv = pointers_to(arguments);
  argv.insert(argv.begin(), const_cast<char*>(program.c_str()));
  std::vector<char*> environment;
  if (surroundings.environment) environment = pointers_to(*surroundings.environment);
  const SpawnFiles files(surroundings);
  const SpawnAttributes attributes;
  pid_t child = -1;
  if (const int error = ::posix_spawn(&child, program.c_str(), files.get(), attributes.get(), argv.data(),
                                      surroundings.environment ? environment.data() : environ);
      error != 0)
    refuse(program.c_str(), error);
  return child;
}

ChildEnd wait_for_child(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) refuse("wait", errno);
  ChildEnd end;
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  return end;
}

ChildEnd run_child(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                   std::chrono::milliseconds limit) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) refuse("pipe", errno);
  const Descriptor output(pipe[0]);
  Descriptor input(pipe[1]);
  const Clock::time_point until = Clock::now() + limit;
  const pid_t child = start_child(program, arguments, {.output = input.get()});
  input.close();

  std::string text;
  const bool timed_out = !read_to_end(output.get(), until, text);
  if (timed_out) ::kill(child, SIGKILL);
  ChildEnd end = wait_for_child(child);
  end.timed_out = timed_out;
  end.output = std::move(text);
  return end;
}

std::filesystem::path program_beside(const std::string& name) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::filesystem::path program = folder / name;
  if (!std::filesystem::is_regular_file(program, error))
    fail(Code::failed_precondition, name, ": there is no such program in ", folder.string(), ", where this one lies");
  return program;
}

}  // namespace voxd
