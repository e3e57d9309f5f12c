#include <cstdlib>
#include <vector>

#include "server/settings.h"
#include "tests/support/catch.h"

namespace shared_memory_settings_test {

using namespace voxd;
using Catch::Matchers::Contains;

namespace {

CommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"voxd", "--model-repository", "models"});
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data(), "voxd 1.2.3");
}

SharedMemory::Options accepted(std::vector<const char*> arguments) {
  const CommandLine line = parse(std::move(arguments));
  INFO(line.text);
  REQUIRE_FALSE(line.exit_code);
  return line.settings.shared_memory;
}

}  // namespace

TEST_CASE("without flags no memory is shared, and what is shared once it is on is narrow") {
  const SharedMemory::Options options = accepted({});
  CHECK_FALSE(options.enabled);
  CHECK_FALSE(options.allow_remote);
  CHECK(options.key_prefixes == std::vector<std::string>{"/voxd_"});
  CHECK(options.owners.empty());
  CHECK(options.idle_s == 0);
  CHECK_FALSE(accepted({"--shm", "off"}).enabled);
}

TEST_CASE("every flag of shared memory is read") {
  const SharedMemory::Options options =
      accepted({"--shm", "system", "--shm-key-prefix", "/a_", "--shm-key-prefix", "/", "--shm-uid", "1000", "--shm-uid",
                "33", "--shm-allow-remote", "--shm-bytes", "2G", "--shm-idle-timeout", "1.5"});
  CHECK(options.enabled);
  CHECK(options.allow_remote);
  CHECK(options.key_prefixes == std::vector<std::string>{"/a_", "/"});
  CHECK(options.owners == std::vector<std::uint32_t>{1000, 33});
  CHECK(options.max_bytes == std::int64_t{2} << 30);
  CHECK(options.idle_s == 1.5);
}

TEST_CASE("a bad setting of shared memory is refused with its name") {
  const auto [flag, value] = GENERATE(table<const char*, const char*>({{"--shm", "cuda"},
                                                                       {"--shm-uid", "root"},
                                                                       {"--shm-uid", "-1"},
                                                                       {"--shm-bytes", "0"},
                                                                       {"--shm-bytes", "many"},
                                                                       {"--shm-idle-timeout", "-1"}}));
  CAPTURE(flag, value);
  const CommandLine line = parse({flag, value});
  REQUIRE(line.exit_code);
  CHECK(*line.exit_code == 2);
  CHECK_THAT(line.text, Contains(flag));
}

TEST_CASE("memory of CUDA devices can be shared where there are any") {
  const CommandLine line = parse({"--shm", "system+cuda"});
  if (cuda_device_count() > 0) {
    CHECK(line.settings.shared_memory.cuda);
    return;
  }
  REQUIRE(line.exit_code);
  CHECK_THAT(line.text, Contains("--shm: system+cuda: ") && Contains("cuda"));
}

TEST_CASE("a variable turns shared memory on") {
  ::setenv("VOXD_SHM", "system", 1);
  CHECK(accepted({}).enabled);
  CHECK_FALSE(accepted({"--shm", "off"}).enabled);
  ::unsetenv("VOXD_SHM");
}

}  // namespace shared_memory_settings_test
