#include "server/settings.h"

#include <cstdlib>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace settings_test {

using namespace voxd;
using Catch::Matchers::Contains;

namespace {

CommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "voxd");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data(), "voxd 1.2.3");
}

Settings accepted(std::vector<const char*> arguments) {
  arguments.insert(arguments.end(), {"--model-repository", "models"});
  const CommandLine line = parse(std::move(arguments));
  INFO(line.text);
  REQUIRE_FALSE(line.exit_code);
  return line.settings;
}

std::string refused(std::vector<const char*> arguments) {
  const CommandLine line = parse(std::move(arguments));
  REQUIRE(line.exit_code);
  CHECK(*line.exit_code == 2);
  CHECK(line.text.find('\n') == line.text.size() - 1);
  return line.text;
}

/// Sets an environment variable until it dies.
struct Variable {
  Variable(const char* n, const char* value) : name(n) { ::setenv(n, value, 1); }
  ~Variable() { ::unsetenv(name); }
  const char* name;
};

}  // namespace

TEST_CASE("without flags the server listens on the loopback interface and runs on the CPU") {
  const Settings settings = accepted({});
  CHECK(settings.model_repository == "models");
  CHECK(settings.addresses == std::vector<std::string>{"127.0.0.1:8001"});
  CHECK_FALSE(settings.device.cuda);
  CHECK(settings.workers == 1);
  CHECK(threads_per_worker(settings) >= 1);
  CHECK(settings.metrics_address == "127.0.0.1:8002");
  CHECK(accepted({"--metrics-address", "off"}).metrics_address.empty());
}

TEST_CASE("every flag is read") {
  const Settings settings =
      accepted({"--model",          "a",       "--model",           "b",     "--address",         "127.0.0.1:0",
                "--address",        "unix:/x", "--port-file",       "port",  "--device",          "cuda:1",
                "--workers",        "3",       "--threads",         "2",     "--queue-jobs",      "5",
                "--queue-bytes",    "1G",      "--max-image-bytes", "10M",   "--budget-bytes",    "2K",
                "--drain-timeout",  "1.5",     "--log-level",       "warn",  "--insecure",        "--model-control",
                "--decode-timeout", "3.5",     "--probe-timeout",   "2.5",   "--client-share",    "0.5",
                "--aging",          "7",       "--stall-timeout",   "8",     "--host-memory",     "3G",
                "--device-memory",  "4G",      "--drain-delay",     "9",     "--metrics-address", "0.0.0.0:9",
                "--tls-cert",       "cert",    "--tls-key",         "key",   "--tls-client-ca",   "ca",
                "--roles",          "roles",   "--audit-file",      "audit", "--log-file",        "log",
                "--log-format",     "json"});
  CHECK(settings.models == std::vector<std::string>{"a", "b"});
  CHECK(settings.addresses == std::vector<std::string>{"127.0.0.1:0", "unix:/x"});
  CHECK(settings.port_file == "port");
  CHECK(settings.device.cuda);
  CHECK(settings.device.ordinal == 1);
  CHECK(settings.workers == 3);
  CHECK(threads_per_worker(settings) == 2);
  CHECK(settings.queue_jobs == 5);
  CHECK(settings.queue_bytes == std::int64_t{1} << 30);
  CHECK(settings.max_image_bytes == 10 << 20);
  CHECK(settings.budget_bytes == 2048);
  CHECK(settings.drain_timeout_s == 1.5);
  CHECK(settings.log.level == "warn");
  CHECK(settings.insecure);
  CHECK(settings.model_control);
  CHECK(settings.decode_timeout_s == 3.5);
  CHECK(settings.probe_timeout_s == 2.5);
  CHECK(settings.client_share == 0.5);
  CHECK(settings.aging_s == 7);
  CHECK(settings.stall_timeout_s == 8);
  CHECK(settings.host_memory == std::int64_t{3} << 30);
  CHECK(settings.device_memory == std::int64_t{4} << 30);
  CHECK(settings.drain_delay_s == 9);
  CHECK(settings.metrics_address == "0.0.0.0:9");
  CHECK(settings.tls.certificate == "cert");
  CHECK(settings.tls.key == "key");
  CHECK(settings.tls.client_ca == "ca");
  CHECK(settings.roles == "roles");
  CHECK(settings.audit_file == "audit");
  CHECK(settings.log.file == "log");
  CHECK(settings.log.json);
}

TEST_CASE("models that are files need no repository, and are told from names by their ending") {
  CHECK(parse({"--model", "dir/spleen.ts"}).settings.model_repository.empty());
  CHECK_FALSE(parse({"--model", "dir/spleen.ts"}).exit_code);
  CHECK_THAT(refused({"--model", "dir/spleen.ts", "--model", "liver"}), Contains("--model-repository"));
  const Settings settings = accepted({"--model", "dir/spleen.ts", "--model", "liver"});
  CHECK(model_names(settings) == std::vector<std::string>{"liver"});
  CHECK(model_files(settings) == std::vector<std::filesystem::path>{"dir/spleen.ts"});
}

TEST_CASE("a variable says the same as a flag, and the flag wins") {
  const Variable workers("VOXD_WORKERS", "4");
  const Variable level("VOXD_LOG_LEVEL", "error");
  CHECK(accepted({}).workers == 4);
  CHECK(accepted({"--workers", "2"}).workers == 2);
  CHECK(accepted({}).log.level == "error");
}

TEST_CASE("a configuration file says the same as flags, and they win") {
  const test::TemporaryFolder folder;
  const std::string file =
      folder.write("voxd.conf", "workers = 4\nmodel = [\"a\", \"b\"]\nqueue-bytes = \"2G\"\n").string();
  const Settings settings = accepted({"--config", file.c_str()});
  CHECK(settings.workers == 4);
  CHECK(settings.models == std::vector<std::string>{"a", "b"});
  CHECK(settings.queue_bytes == std::int64_t{2} << 30);
  CHECK(accepted({"--config", file.c_str(), "--workers", "1"}).workers == 1);
}

TEST_CASE("a bad setting is refused with its name, in one line") {
  CHECK_THAT(refused({}), Contains("--model-repository"));
  const auto bad = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.end(), {"--model-repository", "models"});
    return refused(std::move(arguments));
  };
  CHECK_THAT(bad({"--workers", "0"}), Contains("--workers"));
  CHECK_THAT(bad({"--workers", "many"}), Contains("--workers"));
  CHECK_THAT(bad({"--log-level", "loud"}), Contains("--log-level"));
  CHECK_THAT(bad({"--device", "tpu"}), Contains("--device"));
  CHECK_THAT(bad({"--device", "cuda:x"}), Contains("--device"));
  CHECK_THAT(bad({"--queue-bytes", "-5"}), Contains("--queue-bytes"));
  CHECK_THAT(bad({"--max-image-bytes", "0"}), Contains("--max-image-bytes"));
  CHECK_THAT(bad({"--max-image-bytes", "9G"}), Contains("--max-image-bytes"));
  CHECK_THAT(bad({"--address", "nowhere"}), Contains("--address: 'nowhere'"));
  CHECK_THAT(bad({"--address", "127.0.0.1:70000"}), Contains("--address"));
  CHECK_THAT(bad({"--metrics-address", "on"}), Contains("--metrics-address: 'on'"));
  CHECK_THAT(bad({"--client-share", "0"}), Contains("--client-share"));
  CHECK_THAT(bad({"--tls-cert", "cert"}), Contains("--tls-key"));
  CHECK_THAT(bad({"--tls-client-ca", "ca"}), Contains("--tls-client-ca: needs --tls-cert"));
  CHECK_THAT(bad({"--log-format", "xml"}), Contains("--log-format"));
  CHECK_THAT(bad({"--aging", "-1"}), Contains("--aging"));
  CHECK_THAT(bad({"--host-memory", "-1"}), Contains("--host-memory"));
  CHECK_THAT(bad({"--no-such-flag"}), Contains("--no-such-flag"));
}

TEST_CASE("an unknown name in the configuration file is refused with it") {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("voxd.conf", "wokers = 4\n").string();
  CHECK_THAT(refused({"--config", file.c_str(), "--model-repository", "models"}), Contains("wokers"));
}

TEST_CASE("an address that other machines reach needs --insecure") {
  for (const char* address :
       {"0.0.0.0:8001", "[::]:8001", "192.168.1.5:8001", "example.org:8001", "127.evil.example:8001"}) {
    CHECK_THAT(refused({"--model-repository", "models", "--address", address}), Contains("--insecure"));
    CHECK(accepted({"--address", address, "--insecure"}).addresses[0] == address);
    CHECK(accepted({"--address", address, "--tls-cert", "cert", "--tls-key", "key"}).addresses[0] == address);
  }
  for (const char* address : {"127.0.0.1:1", "127.8.9.10:1", "localhost:1", "[::1]:1", "unix:/some/path"})
    CHECK(is_local(address));
}

TEST_CASE("help and version are answered without anything else being set") {
  const CommandLine version = parse({"--version"});
  CHECK(version.exit_code == 0);
  CHECK_THAT(version.text, Contains("voxd 1.2.3"));
  const CommandLine help = parse({"--help"});
  CHECK(help.exit_code == 0);
  for (const char* flag : {"--model-repository",
                           "--address",
                           "--port-file",
                           "--insecure",
                           "--model-control",
                           "--device",
                           "--workers",
                           "--threads",
                           "--queue-jobs",
                           "--queue-bytes",
                           "--max-image-bytes",
                           "--budget-bytes",
                           "--drain-timeout",
                           "--probe-timeout",
                           "--client-share",
                           "--aging",
                           "--stall-timeout",
                           "--host-memory",
                           "--device-memory",
                           "--drain-delay",
                           "--metrics-address",
                           "--tls-cert",
                           "--tls-key",
                           "--tls-client-ca",
                           "--roles",
                           "--audit-file",
                           "--log-file",
                           "--log-format",
                           "--log-level",
                           "--version",
                           "--config"})
    CHECK_THAT(help.text, Contains(flag));
}

}  // namespace settings_test
