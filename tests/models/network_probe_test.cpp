#include "models/network_probe.h"

#include <csignal>

#include "models/child_process.h"
#include "models/repository.h"
#include "tests/models/bundle_folder.h"
#include "tests/support/catch.h"

namespace network_probe_test {

using namespace voxd;
using namespace voxd::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

namespace fs = std::filesystem;

const fs::path networks = TEST_NETWORKS;
constexpr auto kLong = 300s;  // far more than any of these needs
constexpr auto kShort = 2s;   // of one that never ends

const NetworkOptions small{1, {4, 4, 4}, -1, 1};

std::string refusal_of(const fs::path& file, std::chrono::milliseconds limit = kLong) {
  NetworkProbe probe(limit);
  return message_of([&] { probe.check(file, small); });
}

void add_bundle(const fs::path& folder, const std::string& network) {
  write_file(folder / "configs" / "inference.json", plain_chain());
  write_file(folder / "configs" / "serving.json", R"({"warm_up_size": [4, 4, 4]})");
  fs::create_directories(folder / "models");
  fs::copy_file(networks / network, folder / "models" / "model.ts");
}

}  // namespace

TEST_CASE("a network that loads passes, and is not loaded again while its file is the same", "[probe]") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "network.ts";
  fs::copy_file(networks / "threshold.ts", file);
  NetworkProbe probe(kLong);
  CHECK(probe.check(file, small));
  CHECK_FALSE(probe.check(file, small));
  CHECK(probe.check(file, {1, {8, 4, 4}, -1, 1}));
  fs::copy_file(networks / "crashes.ts", folder.path() / "new");
  fs::rename(folder.path() / "new", file);
  CHECK_THAT(message_of([&] { probe.check(file, small); }), Contains("crashed"));
}

TEST_CASE("a network that crashes or never ends does so in a process of its own, and is refused", "[probe]") {
  CHECK_THAT(refusal_of(networks / "crashes.ts"),
             Contains("the network crashed (s") && Contains(") when it was loaded"));
  CHECK(refusal_of(networks / "hangs.ts", kShort) == "the network did not load within 2 s");
  CHECK(refusal_of(networks / "hangs_at_load.ts", kShort) == "the network did not load within 2 s");
}

TEST_CASE("what cannot be loaded there is refused with the reason", "[probe]") {
  const TemporaryFolder folder;
  const std::string whole = read_file(networks / "threshold.ts");
  CHECK_THAT(refusal_of(folder.write("cut.ts", std::string_view(whole).substr(0, whole.size() / 2))),
             Contains("cannot be loaded as TorchScript: "));
  CHECK(refusal_of(folder.path() / "none.ts") == "none.ts: there is no such file");
}

TEST_CASE("networks that crash or never end do not keep others from serving", "[probe][repository]") {
  const TemporaryFolder folder;
  for (const char* name : {"crashes", "threshold"}) add_bundle(folder.path() / name, std::string(name) + ".ts");
  ModelRepository::Options options;
  options.probe_limit = kLong;
  ModelRepository repository(folder.path(), options);
  CHECK(repository.find("threshold")->version == "1");
  CHECK_THAT(message_of([&] { repository.find("crashes"); }),
             Contains("model 'crashes' is not ready: crashes/models/model.ts: the network crashed (s"));

  // What replaces a network that serves is tried in the same way.
  fs::copy_file(networks / "crashes.ts", folder.path() / "new");
  fs::rename(folder.path() / "new", folder.path() / "threshold/models/model.ts");
  CHECK_THAT(message_of([&] { repository.load("threshold"); }), Contains("the network crashed"));
  CHECK(repository.find("threshold")->version == "1");
}

TEST_CASE("the options of a probe survive being an argument", "[probe]") {
  const NetworkOptions options{4, {96, 128, 64}, 2, 3, false, Precision::bf16};
  const NetworkOptions back = probe_options(probe_argument(options));
  CHECK(back.input_channels == 4);
  CHECK(back.warm_up_size == Int3{96, 128, 64});
  CHECK(back.device == 2);
  CHECK(back.warm_up_batch == 3);
  CHECK_FALSE(back.rewrite);
  CHECK(back.precision == Precision::bf16);
  CHECK(probe_options(probe_argument({})).rewrite);
  CHECK(code_of([&] { probe_options("1 2 x"); }) == "invalid_argument");
}

TEST_CASE("a child's end is told apart: by itself, by a signal, by its time being up", "[probe]") {
  const ChildEnd by_itself = run_child("/bin/sh", {"-c", "echo some words; echo more >&2; exit 7"}, kLong);
  CHECK(by_itself.status == 7);
  CHECK(by_itself.output == "some words\n");
  CHECK_FALSE(by_itself.timed_out);
  CHECK(run_child("/bin/sh", {"-c", "kill -SEGV $$"}, kLong).signal == SIGSEGV);
  CHECK(run_child("/bin/sh", {"-c", "kill -TERM $$"}, kLong).signal == SIGTERM);
  CHECK(run_child("/bin/sh", {"-c", "while :; do :; done"}, 50ms).timed_out);
  CHECK(run_child("/bin/sh", {"-c", "yes | head -c 100000"}, kLong).output.size() == 4096);
  CHECK(code_of([&] { run_child("/nonexistent", {}, kLong); }) == "another");
}

}  // namespace network_probe_test
