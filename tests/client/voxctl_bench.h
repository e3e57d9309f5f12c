#pragma once

#include <string>
#include <vector>

#include "tests/client/fake_server.h"
#include "tests/client/process.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

// voxctl as a program: what a shell sees of it.
namespace voxd::test {

struct Ended {
  int code;
  std::string out, err;
};

inline Ended voxctl(std::vector<std::string> arguments, const Process::Setup& setup = {}) {
  arguments.insert(arguments.begin(), VOXD_BIN_DIR "/voxctl");
  Process process(arguments, setup);
  const int code = process.wait();
  return {code, process.output(), process.error()};
}

/// Exactly one line, from voxctl, that holds `text`; nothing on standard output.
inline void require_one_line(const Ended& ended, int code, const std::string& text) {
  CAPTURE(ended.out, ended.err);
  REQUIRE(ended.code == code);
  REQUIRE(ended.out.empty());
  REQUIRE(ended.err.starts_with("voxctl: "));
  REQUIRE(ended.err.find('\n') == ended.err.size() - 1);
  REQUIRE_THAT(ended.err, Catch::Contains(text));
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

}  // namespace voxd::test
