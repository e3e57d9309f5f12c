// voxctl segment, as a shell sees it.

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

#include "tests/client/voxctl_bench.h"

namespace voxd::test {
namespace {

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

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

TEST_CASE("an input may say which channel it is", "[voxctl]") {
  v1::Open open;
  const Bench bench([&](FakeCall& call) {
    open = call.open();
    return echo(call);
  });
  const std::string odd = bench.folder.write("T1=odd.nii", "odd").string();
  CHECK(bench.segment({"T2=" + bench.file, "FLAIR=-", odd, "--mask", "-", "--quiet"}, {.input = "x"}).out ==
        bench.image + "xodd");
  REQUIRE(open.parts_size() == 3);
  CHECK(open.parts(0).channel() == "T2");
  CHECK(open.parts(0).file_name() == "head.nii");
  CHECK(open.parts(1).channel() == "FLAIR");
  CHECK(open.parts(2).channel().empty());

  require_one_line(bench.segment({"T2=" + bench.file, "--mask", bench.file}), 1, "would be replaced");
  require_one_line(bench.segment({"T2=" + bench.path("absent.nii"), "--mask", "-"}), 4, "absent.nii");
  const TemporaryFolder two;
  two.write("1.nii", "a");
  two.write("2.nii", "b");
  require_one_line(bench.segment({"T2=" + two.path().string(), "--mask", "-"}), 2,
                   "a channel is one file, the folder has 2");
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

  bench.segment({bench.file, "--mask", bench.path("m.nii"), "--contour", bench.path("c.nii.gz"), "--rtstruct",
                 bench.path("r.dcm"), "--keyholes", "--quiet"});
  CHECK(open.options().mask_format() == v1::Options::NIFTI);
  CHECK(open.options().contour_format() == v1::Options::NIFTI_GZ);
  CHECK(open.options().rtstruct_keyholes());
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
  require_one_line(bench.segment({bench.file, "--mask", mask, "--keyholes"}), 1, "--rtstruct");
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

TEST_CASE("of a folder with DICOM files those alone are sent, and the others are mentioned", "[voxctl]") {
  const Bench bench;
  std::filesystem::create_directory(bench.path("series"));
  const std::string slice = std::string(128, '\0') + "DICM and more";
  bench.folder.write("series/b", slice + "2");
  bench.folder.write("series/a", slice + "1");
  bench.folder.write("series/README.txt", "not an image");
  bench.folder.write("series/.hidden", slice);
  const Ended ended = bench.segment({bench.path("series"), "--mask", bench.path("m")});
  REQUIRE(ended.code == 0);
  CHECK(ended.err == bench.path("series") + ": left out 1 files that are not DICOM\n");
  CHECK(read_file(bench.path("m")) == slice + "1" + slice + "2");
}

}  // namespace
}  // namespace voxd::test
