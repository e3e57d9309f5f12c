// voxctl as a program: what a shell sees of it.

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

#include "tests/client/fake_server.h"
#include "tests/client/process.h"
#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"

namespace voxd {
namespace {

using test::echo;
using test::FakeCall;
using test::FakeServer;
using test::Process;
using test::read_file;
using test::TemporaryFolder;

struct Ended {
  int code;
  std::string out, err;
};

Ended voxctl(std::vector<std::string> arguments, const Process::Setup& setup = {}) {
  arguments.insert(arguments.begin(), VOXD_BIN_DIR "/voxctl");
  Process process(arguments, setup);
  const int code = process.wait();
  return {code, process.output(), process.error()};
}

/// Exactly one line, from voxctl, that holds `text`; nothing on standard output.
void require_one_line(const Ended& ended, int code, const std::string& text) {
  CAPTURE(ended.out, ended.err);
  REQUIRE(ended.code == code);
  REQUIRE(ended.out.empty());
  REQUIRE(ended.err.starts_with("voxctl: "));
  REQUIRE(ended.err.find('\n') == ended.err.size() - 1);
  REQUIRE_THAT(ended.err, Catch::Contains(text));
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// A folder with an image in it, and a server that does what the script says.
struct Bench {
  explicit Bench(FakeServer::Script script = echo) : server(std::move(script)) {}

  std::string path(const std::string& name) const { return (folder.path() / name).string(); }
  std::string image = "image bytes";
  TemporaryFolder folder;
  std::string file = folder.write("head.nii", image).string();
  FakeServer server;

  Ended segment(std::vector<std::string> more, const Process::Setup& setup = {}) const {
    std::vector<std::string> arguments{"segment", "--model", "brain", "--address", server.address()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return voxctl(arguments, setup);
  }
};

TEST_CASE("segment writes each result to its file and says what it found", "[voxctl]") {
  const Bench bench;
  const Ended ended = bench.segment({bench.file, "--mask", bench.path("m.nii.gz"), "--contour", bench.path("c.nii.gz"),
                                     "--preview", bench.path("p.png"), "--report", bench.path("r.json")});
  CAPTURE(ended.err);
  REQUIRE(ended.code == 0);
  CHECK(ended.err.empty());
  CHECK(read_file(bench.path("m.nii.gz")) == bench.image);
  CHECK(read_file(bench.path("c.nii.gz")) == test::echoed_contour);
  CHECK(read_file(bench.path("p.png")) == test::echoed_preview);
  CHECK(read_file(bench.path("r.json")) == test::echoed_report);
  CHECK(ended.out == "label 1 (brain): 1968.2 ml\ntime: decode 12 ms, network 5000 ms\nmask: " +
                         bench.path("m.nii.gz") + "\ncontour: " + bench.path("c.nii.gz") +
                         "\npreview: " + bench.path("p.png") + "\nreport: " + bench.path("r.json") + "\n");
  CHECK(names_in(bench.folder.path()) ==
        std::vector<std::string>{"c.nii.gz", "head.nii", "m.nii.gz", "p.png", "r.json"});
}

TEST_CASE("--json says the same as one object, and --quiet nothing", "[voxctl]") {
  const Bench bench;
  const Ended json = bench.segment({bench.file, "--mask", bench.path("m"), "--json", "--request-id", "study-17"});
  const auto object = nlohmann::json::parse(json.out);
  CHECK(object["model"] == "brain");
  CHECK(object["model_version"] == "3");
  CHECK(object["request_id"] == "study-17");
  CHECK(object["labels"][0]["ml"] == 1968.2);
  CHECK(object["stages_ms"]["network"] == 5000);
  CHECK(object["files"]["mask"] == bench.path("m"));

  const Ended quiet = bench.segment({bench.file, "--mask", bench.path("m"), "--quiet"});
  CHECK(quiet.code == 0);
  CHECK(quiet.out.empty());
  CHECK(quiet.err.empty());
}

TEST_CASE("- is standard input and standard output, and nothing else goes there", "[voxctl]") {
  const Bench bench;
  const std::string image(3'000'000, '\n');
  const Ended ended = bench.segment({"-", "--mask", "-"}, {.input = image});
  CHECK(ended.code == 0);
  CHECK(ended.out == image);
  CHECK_THAT(ended.err, Catch::Contains("1968.2 ml"));
}

TEST_CASE("a folder and several inputs are parts of one image, in order", "[voxctl]") {
  const Bench bench;
  const TemporaryFolder slices;
  slices.write("2.dcm", "two,");
  slices.write("1.dcm", "one,");
  slices.write(".hidden", "no");
  std::filesystem::create_directory(slices.path() / "subfolder");
  const Ended ended = bench.segment({slices.path().string(), bench.file, "--mask", "-", "--quiet"});
  CHECK(ended.out == "one,two," + bench.image);
}

TEST_CASE("the options of a call reach the server", "[voxctl]") {
  v1::Open open;
  const Bench bench([&](FakeCall& call) {
    open = call.open();
    return echo(call);
  });
  bench.segment({bench.file, "--model-version", "2", "--priority", "-3", "--request-id", "a", "--preview",
                 bench.path("p"), "--quiet"});
  CHECK(open.model() == "brain");
  CHECK(open.model_version() == "2");
  CHECK(open.request_id() == "a");
  CHECK(open.options().priority() == -3);
  CHECK(open.options().preview());
  CHECK(open.options().omit_mask());
  CHECK_FALSE(open.options().contour());
  CHECK_FALSE(open.options().report());
}

TEST_CASE("each kind of refusal has its exit code and is one line", "[voxctl]") {
  const auto [status, code] = GENERATE(table<grpc::StatusCode, int>({{grpc::StatusCode::INVALID_ARGUMENT, 2},
                                                                     {grpc::StatusCode::OUT_OF_RANGE, 2},
                                                                     {grpc::StatusCode::UNIMPLEMENTED, 2},
                                                                     {grpc::StatusCode::FAILED_PRECONDITION, 2},
                                                                     {grpc::StatusCode::NOT_FOUND, 4},
                                                                     {grpc::StatusCode::UNAVAILABLE, 5},
                                                                     {grpc::StatusCode::RESOURCE_EXHAUSTED, 6},
                                                                     {grpc::StatusCode::DEADLINE_EXCEEDED, 7},
                                                                     {grpc::StatusCode::PERMISSION_DENIED, 8},
                                                                     {grpc::StatusCode::UNAUTHENTICATED, 8},
                                                                     {grpc::StatusCode::INTERNAL, 9},
                                                                     {grpc::StatusCode::DATA_LOSS, 9},
                                                                     {grpc::StatusCode::UNKNOWN, 9},
                                                                     {grpc::StatusCode::CANCELLED, 130}}));
  const Bench bench(
      [status = status](FakeCall&) { return grpc::Status(status, "dim[1]: 70000 voxels,\nat most 4096\x1b[31m"); });
  require_one_line(bench.segment({bench.file, "--mask", bench.path("m")}), code,
                   "dim[1]: 70000 voxels, at most 4096 [31m");
  CHECK(names_in(bench.folder.path()) == std::vector<std::string>{"head.nii"});
}

TEST_CASE("a usage error is one line and exit code 1", "[voxctl]") {
  const Bench bench;
  const std::string mask = bench.path("m");
  require_one_line(voxctl({}), 1, "");
  require_one_line(voxctl({"paint"}), 1, "");
  require_one_line(voxctl({"segment", bench.file}), 1, "--model");
  require_one_line(voxctl({"segment", "--model", "brain"}), 1, "INPUT");
  require_one_line(bench.segment({bench.file, "--colour", "red"}), 1, "--colour");
  require_one_line(bench.segment({bench.file, "--timeout", "soon"}), 1, "--timeout");
  require_one_line(bench.segment({bench.file, "--timeout", "-1"}), 1, "--timeout");
  require_one_line(bench.segment({bench.file, "--priority", "99999999999"}), 1, "--priority");
  require_one_line(bench.segment({bench.file, "--mask", mask, "--contour", mask}), 1, mask);
  require_one_line(bench.segment({bench.file, "--mask", bench.file}), 1, bench.file);
  require_one_line(
      bench.segment({bench.file, "--mask", bench.path("../" + bench.folder.path().filename().string() + "/head.nii")}),
      1, "head.nii");
  require_one_line(bench.segment({bench.file, "--mask", "-", "--report", "-"}), 1, "-");
  require_one_line(bench.segment({bench.file, "--mask", "-", "--json"}), 1, "--json");
  CHECK(read_file(bench.file) == bench.image);
}

TEST_CASE("an input that cannot be had is named, and the server not asked", "[voxctl]") {
  std::atomic<int> calls = 0;
  const Bench bench([&](FakeCall& call) {
    ++calls;
    return echo(call);
  });
  const TemporaryFolder empty;
  require_one_line(bench.segment({bench.path("absent.nii")}), 4, bench.path("absent.nii"));
  require_one_line(bench.segment({bench.file + "/x.nii"}), 4, bench.file);
  require_one_line(bench.segment({empty.path().string()}), 2, empty.path().string());
  require_one_line(bench.segment({"-"}), 2, "standard input");
  require_one_line(bench.segment({"-", "-"}, {.input = "x"}), 2, "standard input");
  CHECK(calls == 0);
}

TEST_CASE("an output that cannot be written is known before anything is sent", "[voxctl]") {
  std::atomic<int> calls = 0;
  const Bench bench([&](FakeCall& call) {
    ++calls;
    return echo(call);
  });
  require_one_line(bench.segment({bench.file, "--mask", bench.path("absent/m.nii.gz")}), 3, "absent/m.nii.gz");
  require_one_line(bench.segment({bench.file, "--mask", bench.folder.path().string()}), 3,
                   bench.folder.path().string());
  CHECK(calls == 0);
  require_one_line(bench.segment({bench.file, "--mask", "/dev/full", "--quiet"}), 3, "/dev/full");
  CHECK(std::filesystem::is_character_file("/dev/full"));
}

TEST_CASE("an output appears when it is whole, with the rights of any new file, and in place of an old one",
          "[voxctl]") {
  std::vector<std::string> during;
  std::string old_mask;
  TemporaryFolder results;
  const std::string mask = results.write("m.nii.gz", "old").string();
  std::filesystem::create_symlink("m.nii.gz", results.path() / "link");
  const Bench bench([&](FakeCall& call) {
    old_mask = read_file(mask);
    return echo(call);
  });
  const Ended ended = bench.segment(
      {bench.file, "--mask", (results.path() / "link").string(), "--report", (results.path() / "r").string()});
  CAPTURE(ended.err);
  REQUIRE(ended.code == 0);
  CHECK(old_mask == "old");
  CHECK(read_file(mask) == bench.image);
  CHECK(std::filesystem::is_symlink(results.path() / "link"));
  CHECK(names_in(results.path()) == std::vector<std::string>{"link", "m.nii.gz", "r"});
  struct stat fresh {
  }, written{};
  results.write("fresh", "");
  REQUIRE(::stat((results.path() / "fresh").c_str(), &fresh) == 0);
  REQUIRE(::stat(mask.c_str(), &written) == 0);
  CHECK(fresh.st_mode == written.st_mode);
}

TEST_CASE("Ctrl-C ends the call on the server, leaves no file behind and exits with 130", "[voxctl]") {
  Bench bench([](FakeCall& call) {
    call.accept();
    call.read_parts();
    return call.wait_cancelled();
  });
  const int signal = GENERATE(SIGINT, SIGTERM);
  Process process({VOXD_BIN_DIR "/voxctl", "segment", bench.file, "--model", "brain", "--address",
                   bench.server.address(), "--mask", bench.path("m.nii.gz")});
  bench.server.wait_begun(1);
  CHECK(names_in(bench.folder.path()).size() == 2);  // the image and the hidden temporary file
  process.send_signal(signal);
  CHECK(process.wait() == 130);
  CHECK(process.error() == "voxctl: cancelled by the caller\n");
  bench.server.wait_ended(1);
  CHECK(names_in(bench.folder.path()) == std::vector<std::string>{"head.nii"});
}

TEST_CASE("--timeout ends the call with exit code 7", "[voxctl]") {
  const Bench bench([](FakeCall& call) {
    call.accept();
    return call.wait_cancelled();
  });
  require_one_line(bench.segment({bench.file, "--timeout", "0.2"}), 7, "0.2 s");
}

TEST_CASE("the progress bar is drawn on a terminal only, and taken away", "[voxctl]") {
  const Bench bench;
  const Ended seen = bench.segment({bench.file, "--mask", bench.path("m")}, {.error_on_terminal = true});
  CHECK(seen.code == 0);
  CHECK_THAT(seen.err, Catch::Contains("queue    2 ahead") &&
                           Catch::Contains("network  [################................] 50 %"));
  CHECK(seen.err.ends_with("\r\x1b[K"));
  CHECK(seen.out.find('\r') == std::string::npos);
  const Ended quiet = bench.segment({bench.file, "--mask", bench.path("m"), "--quiet"}, {.error_on_terminal = true});
  CHECK(quiet.err.empty());
}

TEST_CASE("a report that no voxd writes is an error of the server, not a crash", "[voxctl]") {
  const std::string report =
      GENERATE(as<std::string>{}, "", "{", "[]", R"({"labels": 3})", R"({"labels": [{"label": "x"}]})");
  const Bench bench([&](FakeCall& call) {
    call.accept();
    call.read_parts();
    call.answer({{v1::Result::REPORT, report}});
    return grpc::Status::OK;
  });
  require_one_line(bench.segment({bench.file}), 9, "report");
}

TEST_CASE("without a server the line names the address, wherever it was given", "[voxctl]") {
  const std::string address = [] { return FakeServer(echo).address(); }();
  const Bench bench;
  require_one_line(voxctl({"health", "--address", address}), 5, address);
  require_one_line(voxctl({"models"}, {.environment = {{"VOXD_ADDRESS", address}}}), 5, address);
  require_one_line(voxctl({"--address", address, "segment", bench.file, "--model", "brain"}), 5, address);
  require_one_line(voxctl({"health", "--wait", "0.1", "--address", address}), 5, "0.1 s");
}

TEST_CASE("health tells a server that serves from one that does not", "[voxctl]") {
  Bench bench;
  const Ended serving = voxctl({"health", "--address", bench.server.address()});
  CHECK(serving.code == 0);
  CHECK(serving.out == bench.server.address() + " is serving\n");
  bench.server.set_serving(false);
  require_one_line(voxctl({"health", "--address", bench.server.address()}), 5, "NOT_SERVING");
  auto waiting = std::async(std::launch::async, [&] {
    return voxctl({"health", "--wait", "20", "--address", bench.server.address()});
  });
  bench.server.set_serving(true);
  CHECK(waiting.get().code == 0);
}

TEST_CASE("models lists what the server has, for people and for programs", "[voxctl]") {
  Bench bench;
  v1::ModelInfo ready, broken;
  ready.set_name("brain");
  ready.set_version("1");
  ready.set_ready(true);
  ready.set_task("brain extraction");
  broken.set_name("spleen");
  broken.set_version("2");
  broken.set_reason("no network");
  bench.server.models = {ready, broken};
  const Ended text = voxctl({"models", "--address", bench.server.address()});
  CHECK(text.out == "brain  version 1  ready  brain extraction\nspleen  version 2  not ready: no network\n");
  const auto list = nlohmann::json::parse(voxctl({"models", "--json", "--address", bench.server.address()}).out);
  REQUIRE(list.size() == 2);
  CHECK(list[0]["name"] == "brain");
  CHECK(list[0]["ready"] == true);
  CHECK(list[1]["reason"] == "no network");
}

/// A 4x3x2 mask with the first `inside` voxels at 1, 2, 3 ...
std::string mask_file(std::int64_t inside, DType stored = DType::u8, double shift_mm = 0) {
  test::NiftiSpec spec = test::small_nifti();
  spec.stored = stored;
  spec.srow[0][3] = shift_mm;
  for (std::size_t i = 0; i < spec.values.size(); ++i)
    spec.values[i] = static_cast<std::int64_t>(i) < inside ? static_cast<double>(i + 1) : 0;
  const auto bytes = test::nifti_bytes(spec);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_CASE("dice counts the voxels above 0, whatever their type", "[voxctl]") {
  const TemporaryFolder folder;
  const std::string twelve = folder.write("a.nii", mask_file(12)).string();
  CHECK(voxctl({"dice", twelve, folder.write("b.nii", mask_file(6, DType::f32)).string()}).out == "Dice 0.6667\n");
  CHECK(voxctl({"dice", twelve, twelve}).out == "Dice 1.0000\n");
  CHECK(voxctl({"dice", twelve, folder.write("c.nii", mask_file(0)).string()}).out == "Dice 0.0000\n");
  CHECK(voxctl({"dice", twelve, folder.write("d.nii", mask_file(12, DType::i16, 0.0005)).string()}).out ==
        "Dice 1.0000\n");
}

TEST_CASE("dice refuses what cannot be compared", "[voxctl]") {
  const TemporaryFolder folder;
  const std::string mask = folder.write("a.nii", mask_file(12)).string();
  const std::string empty = folder.write("empty.nii", mask_file(0)).string();
  auto larger = test::NiftiSpec().ramp(5, 3, 2);
  const auto bytes = test::nifti_bytes(larger);
  const std::string other_size =
      folder.write("b.nii", {reinterpret_cast<const char*>(bytes.data()), bytes.size()}).string();
  require_one_line(voxctl({"dice", mask, other_size}), 2, "5x3x2");
  require_one_line(voxctl({"dice", mask, folder.write("c.nii", mask_file(12, DType::u8, 0.01)).string()}), 2, "affine");
  require_one_line(voxctl({"dice", empty, empty}), 2, "above 0");
  require_one_line(voxctl({"dice", mask, folder.write("text.nii", "hello").string()}), 2, "text.nii");
  require_one_line(voxctl({"dice", mask, folder.path().string()}), 2, folder.path().string());
  require_one_line(voxctl({"dice", mask, (folder.path() / "absent.nii").string()}), 4, "absent.nii");
  require_one_line(voxctl({"dice", mask}), 1, "B");
}

TEST_CASE("--help lists the exit codes and --version the version", "[voxctl]") {
  const Ended help = voxctl({"--help"});
  CHECK(help.code == 0);
  CHECK_THAT(help.out, Catch::Contains("Exit codes:") && Catch::Contains("130") && Catch::Contains("segment"));
  const Ended version = voxctl({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out == "voxctl " VOXD_VERSION "\n");
}

TEST_CASE("the example of the README does what it says", "[client]") {
  const Bench bench;
  Process process({VOXD_BIN_DIR "/voxd_example", bench.server.address(), "brain", bench.file, bench.path("m.nii.gz")});
  CHECK(process.wait() == 0);
  CHECK(process.output() == "network: 5000 ms\n");
  CHECK(read_file(bench.path("m.nii.gz")) == bench.image);
}

}  // namespace
}  // namespace voxd
