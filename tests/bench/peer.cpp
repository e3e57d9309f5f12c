#include "tests/bench/peer.h"

#include "tests/support/npy.h"

namespace voxd::bench {
Peer::Peer(const std::string& python, int threads, const std::map<std::string, std::string>& environment)
    : process_({python, VOXD_BENCH_PEER, "--threads", std::to_string(threads)}, environment),
      about_(ask({{"about", true}})) {}

Json Peer::ask(const Json& question) {
  process_.write_line(question.dump());
  const std::string answer = process_.read_line();
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
