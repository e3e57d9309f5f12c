#include "tests/bench/peer.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/support/npy.h"

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

Peer::Peer(const std::string& python, int threads, const std::map<std::string, std::string>& environment) {
  std::signal(SIGPIPE, SIG_IGN);  // a peer that has ended is told by its answer
  int there[2], back[2];
  if (::pipe2(there, O_CLOEXEC) != 0 || ::pipe2(back, O_CLOEXEC) != 0) fail(Code::internal, "pipe: no more files");
  const std::vector<std::string> words = {python, VOXD_BENCH_PEER, "--threads", std::to_string(threads)};
  pid_ = ::fork();
  if (pid_ == 0) become(words, environment, there[0], back[1]);
  ::close(there[0]);
  ::close(back[1]);
  to_ = ::fdopen(there[1], "w");
  from_ = ::fdopen(back[0], "r");
  if (pid_ < 0) fail(Code::internal, "fork: no more processes");
  about_ = ask({{"about", true}});
}

Peer::~Peer() {
  std::fclose(to_);  // its input ends, and so does it
  std::fclose(from_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

Json Peer::ask(const Json& question) {
  const std::string line = question.dump() + "\n";
  std::fputs(line.c_str(), to_);
  std::fflush(to_);
  char* text = nullptr;
  std::size_t capacity = 0;
  const ssize_t length = ::getline(&text, &capacity, from_);
  const std::string answer = length > 0 ? std::string(text, static_cast<std::size_t>(length)) : "";
  std::free(text);
  if (answer.empty()) fail(Code::failed_precondition, "peer: it ended without an answer");
  Json json = Json::parse(answer);
  if (json.contains("error")) fail(Code::failed_precondition, "peer: ", json["error"].get<std::string>());
  return json;
}

double Peer::best_ms(const Case& bench_case, const std::vector<HostVolume>& inputs, double seconds) {
  Json question = {{"chains", bench_case.peer}, {"input", bench_case.peer_input}, {"seconds", seconds}};
  for (std::size_t i = 0; i < bench_case.peer.size(); ++i) {
    const std::filesystem::path file = folder_.path() / (std::to_string(i) + ".npy");
    test::write_npy(file, test::to_npy(inputs[i]));
    question["files"].push_back(file.string());
  }
  return ask(question).at("ms");
}

std::map<std::string, std::string> jemalloc_environment() {
  return {{"LD_PRELOAD", "libjemalloc.so.2"},
          {"MALLOC_CONF", "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always"},
          {"OMP_WAIT_POLICY", "PASSIVE"}};
}

}  // namespace voxd::bench
