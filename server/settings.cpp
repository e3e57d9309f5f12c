#include "server/settings.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "gpu_transforms/volume/error.h"
#include "server/machine.h"
#include "server/request_limits.h"
#include "server/shared_memory_settings.h"

namespace voxd {
namespace {

constexpr int kUsageError = 2;
constexpr std::string_view kOff = "off";
constexpr std::string_view kFileEnding = ".ts";  // of a model that is one file
constexpr const char* kHelp =
    "Segments 3D medical images with MONAI bundles over gRPC.\n"
    "Every option can also be given as an environment variable, or in a file named by --config as 'name = value' "
    "without the dashes.";

// CLI11 has no option type for what --device takes.
std::string device_error(const std::string& text) {
  try {
    parse_device(text);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

void add_options(CLI::App& app, Settings& settings, std::string& device, std::string& metrics_address,
                 std::string& http_address, std::string& log_format) {
  const auto size = CLI::AsSizeValue(false);
  app.add_option("--model-repository", settings.model_repository,
                 "Folder of MONAI bundles, one folder or .ts file per model")
      ->envname("VOXD_MODEL_REPOSITORY")
      ->type_name("DIR");
  app.add_option(
         "--model", settings.models,
         "Serve this model only: a name in the repository, or a .ts file that carries its configs; may be repeated")
      ->envname("VOXD_MODEL")
      ->type_name("NAME|FILE.ts");
  app.add_option("--address", settings.addresses,
                 "Where to listen: HOST:PORT (port 0: any free one) or unix:PATH; may be repeated")
      ->envname("VOXD_ADDRESS")
      ->capture_default_str()
      ->type_name("ADDRESS");
  app.add_option("--http-address", http_address,
                 "Where the KServe protocol is served over HTTP as well: HOST:PORT, as in 127.0.0.1:8000, or 'off'")
      ->envname("VOXD_HTTP_ADDRESS")
      ->capture_default_str()
      ->type_name("ADDRESS");
  app.add_option("--metrics-address", metrics_address,
                 "Where /metrics, /livez and /readyz are served over plain HTTP: HOST:PORT, or 'off'")
      ->envname("VOXD_METRICS_ADDRESS")
      ->capture_default_str()
      ->type_name("ADDRESS");
  app.add_option("--port-file", settings.port_file,
                 "Write the TCP ports that were bound to this file, one a line, once serving: those of --address, then "
                 "that of --http-address")
      ->envname("VOXD_PORT_FILE")
      ->type_name("FILE");
  app.add_flag("--insecure", settings.insecure,
               "Allow addresses that other machines reach, without encryption or authentication")
      ->envname("VOXD_INSECURE");
  app.add_option("--tls-cert", settings.tls.certificate,
                 "Serve TLS on TCP addresses with this certificate chain (PEM); read again when it changes")
      ->envname("VOXD_TLS_CERT")
      ->type_name("FILE");
  app.add_option("--tls-key", settings.tls.key, "Its private key (PEM)")->envname("VOXD_TLS_KEY")->type_name("FILE");
  app.add_option("--tls-client-ca", settings.tls.client_ca,
                 "Clients must show a certificate that one of these authorities (PEM) has signed")
      ->envname("VOXD_TLS_CLIENT_CA")
      ->type_name("FILE");
  app.add_option(
         "--roles", settings.roles,
         "JSON file that says which certificates' subjects and which tokens may infer or administer; read again "
         "when it changes. Without it everyone may do everything")
      ->envname("VOXD_ROLES")
      ->type_name("FILE");
  app.add_flag("--model-control", settings.model_control,
               "Let clients load models from the repository and unload them while serving")
      ->envname("VOXD_MODEL_CONTROL");
  app.add_option("--device", device, "Where jobs run: cpu, cuda or cuda:N")
      ->envname("VOXD_DEVICE")
      ->capture_default_str()
      ->check(device_error, "")
      ->type_name("DEVICE");
  app.add_option("--workers", settings.workers, "Jobs that run at once")
      ->envname("VOXD_WORKERS")
      ->capture_default_str()
      ->check(CLI::Range(1, 256))
      ->type_name("N");
  app.add_option("--threads", settings.threads,
                 "CPU threads of each worker; 0: the machine's cores divided among the workers")
      ->envname("VOXD_THREADS")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  app.add_option("--queue-jobs", settings.queue_jobs,
                 "Calls in flight (uploading, waiting, running or sending) beyond which new ones are refused")
      ->envname("VOXD_QUEUE_JOBS")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  app.add_option("--queue-bytes", settings.queue_bytes,
                 "Bytes of images in flight beyond which new calls are refused (K, M, G: powers of 1024)")
      ->envname("VOXD_QUEUE_BYTES")
      ->capture_default_str()
      ->transform(size)
      ->type_name("BYTES");
  app.add_option("--max-image-bytes", settings.max_image_bytes, "Largest image, all its parts together, as sent")
      ->envname("VOXD_MAX_IMAGE_BYTES")
      ->capture_default_str()
      ->transform(size)
      ->type_name("BYTES");
  app.add_option(
         "--client-share", settings.client_share,
         "Part of --queue-jobs and --queue-bytes that one client may hold: its certificate's subject, else what "
         "its metadata x-voxd-client says, else its address")
      ->envname("VOXD_CLIENT_SHARE")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 1.0))
      ->type_name("0.01..1");
  app.add_option("--aging", settings.aging_s,
                 "Seconds after which a waiting job goes up by one priority, again and again; 0: it does not")
      ->envname("VOXD_AGING")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("SECONDS");
  app.add_option("--stall-timeout", settings.stall_timeout_s,
                 "Seconds that a caller may neither send nor take anything while its turn has come; 0: any time")
      ->envname("VOXD_STALL_TIMEOUT")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("SECONDS");
  app.add_option("--host-memory", settings.host_memory,
                 "Memory for the work of all jobs together; a job waits until its share is free. 0: 80 % of what is "
                 "available at start, where a job that needs more runs alone")
      ->envname("VOXD_HOST_MEMORY")
      ->capture_default_str()
      ->transform(size)
      ->type_name("BYTES");
  app.add_option("--device-memory", settings.device_memory, "The same of the CUDA device")
      ->envname("VOXD_DEVICE_MEMORY")
      ->capture_default_str()
      ->transform(size)
      ->type_name("BYTES");
  app.add_option("--budget-bytes", settings.budget_bytes, "Working memory of one job on the device; 0: no limit")
      ->envname("VOXD_BUDGET_BYTES")
      ->capture_default_str()
      ->transform(size)
      ->type_name("BYTES");
  app.add_option("--decode-timeout", settings.decode_timeout_s,
                 "Seconds that one compressed frame of a DICOM file may take to decode")
      ->envname("VOXD_DECODE_TIMEOUT")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 3600.0))
      ->type_name("SECONDS");
  app.add_option(
         "--probe-timeout", settings.probe_timeout_s,
         "Seconds that a network may take to load in a process of its own, before it is loaded here; 0: load it "
         "here at once")
      ->envname("VOXD_PROBE_TIMEOUT")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("SECONDS");
  app.add_option("--drain-delay", settings.drain_delay_s,
                 "Seconds after SIGTERM in which health says NOT_SERVING and new calls are still taken, so that load "
                 "balancers notice in time")
      ->envname("VOXD_DRAIN_DELAY")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("SECONDS");
  app.add_option("--drain-timeout", settings.drain_timeout_s,
                 "Seconds that accepted calls have to finish after SIGTERM; then they are cancelled")
      ->envname("VOXD_DRAIN_TIMEOUT")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("SECONDS");
  add_shared_memory_options(app, settings.shared_memory);
  app.add_option("--log-file", settings.log.file, "Write the log to this file instead of stderr; SIGHUP opens it anew")
      ->envname("VOXD_LOG_FILE")
      ->type_name("FILE");
  app.add_option("--log-format", log_format, "text, or json: one object a line")
      ->envname("VOXD_LOG_FORMAT")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  app.add_option("--audit-file", settings.audit_file,
                 "Append a line of JSON for each job: who, when, model, hashes of what came and went, outcome; SIGHUP "
                 "opens it anew")
      ->envname("VOXD_AUDIT_FILE")
      ->type_name("FILE");
  app.add_option("--log-level", settings.log.level, "trace, debug, info, warn, error or off")
      ->envname("VOXD_LOG_LEVEL")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->type_name("LEVEL");
}

std::string_view host_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  return std::string_view(address).substr(0, colon == std::string::npos ? address.size() : colon);
}

bool is_host_and_port(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  int port = -1;
  const char* const end = address.data() + address.size();
  const bool is_number = colon != std::string::npos && colon > 0 && colon + 1 < address.size() &&
                         std::from_chars(address.data() + colon + 1, end, port).ptr == end;
  return is_number && port >= 0 && port <= 65535;
}

void check_reach(const Settings& settings, const char* setting, const std::string& address) {
  if (!settings.insecure && !settings.tls.on() && !is_local(address))
    fail(Code::invalid_argument, setting, ": '", address,
         "' is reachable from other machines without encryption or authentication; give --tls-cert, or say --insecure "
         "to "
         "allow that");
}

void check_address(const Settings& settings, const std::string& address) {
  const bool is_unix = address.rfind("unix:", 0) == 0;
  if (address.size() <= 5 && is_unix) fail(Code::invalid_argument, "--address: '", address, "' names no path");
  if (!is_unix && !is_host_and_port(address))
    fail(Code::invalid_argument, "--address: '", address, "' is neither HOST:PORT (0 to 65535) nor unix:PATH");
  check_reach(settings, "--address", address);
}

void check_http_address(const Settings& settings) {
  if (settings.http_address.empty()) return;
  if (!is_host_and_port(settings.http_address))
    fail(Code::invalid_argument, "--http-address: '", settings.http_address,
         "' is neither HOST:PORT (0 to 65535) nor 'off'");
  check_reach(settings, "--http-address", settings.http_address);
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv, const std::string& version_text) {
  CommandLine result;
  std::string device = "cpu", http_address = "off", metrics_address = "127.0.0.1:8002", log_format = "text";
  CLI::App app(kHelp, "voxd");
  app.set_version_flag("--version", version_text, "Print the versions of voxd and of what it is built on");
  app.set_config("--config", "", "Read settings from this file")->envname("VOXD_CONFIG")->type_name("FILE");
  app.allow_config_extras(CLI::config_extras_mode::error);
  add_options(app, result.settings, device, metrics_address, http_address, log_format);
  try {
    app.parse(argc, argv);
    result.settings.device = parse_device(device);
    result.settings.log.json = log_format == "json";
    if (http_address != kOff) result.settings.http_address = http_address;
    if (metrics_address != kOff) result.settings.metrics_address = metrics_address;
    check(result.settings);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    const bool is_question = error.get_exit_code() == 0;
    if (is_question)
      app.exit(error, out, out);
    else
      out << "voxd: " << error.what() << '\n';
    result.exit_code = is_question ? 0 : kUsageError;
    result.text = out.str();
  } catch (const Error& error) {
    result.exit_code = kUsageError;
    result.text = std::string("voxd: ") + error.what() + '\n';
  }
  return result;
}

void check(const Settings& settings) {
  if (settings.model_repository.empty() && (settings.models.empty() || !model_names(settings).empty()))
    fail(Code::invalid_argument, "--model-repository: is required, unless every --model is a .ts file");
  for (const std::string& address : settings.addresses) check_address(settings, address);
  check_http_address(settings);
  check(settings.shared_memory);
  if (settings.tls.certificate.empty() != settings.tls.key.empty())
    fail(Code::invalid_argument, "--tls-cert and --tls-key: only one of them is given");
  if (!settings.tls.client_ca.empty() && !settings.tls.on())
    fail(Code::invalid_argument, "--tls-client-ca: needs --tls-cert");
  if (!settings.metrics_address.empty() && !is_host_and_port(settings.metrics_address))
    fail(Code::invalid_argument, "--metrics-address: '", settings.metrics_address,
         "' is neither HOST:PORT (0 to 65535) nor 'off'");
  const auto check_positive = [](const char* name, std::int64_t value) {
    if (value <= 0) fail(Code::invalid_argument, name, ": ", value, " bytes, at least 1");
  };
  check_positive("--queue-bytes", settings.queue_bytes);
  check_positive("--max-image-bytes", settings.max_image_bytes);
  const auto check_not_negative = [](const char* name, std::int64_t value) {
    if (value < 0) fail(Code::invalid_argument, name, ": ", value, ", at least 0");
  };
  check_not_negative("--budget-bytes", settings.budget_bytes);
  check_not_negative("--host-memory", settings.host_memory);
  check_not_negative("--device-memory", settings.device_memory);
  // A ModelInfer call of unknown size takes as much as the largest image and its header may need.
  if (settings.max_image_bytes > settings.queue_bytes - RequestLimits::header_bytes)
    fail(Code::invalid_argument, "--max-image-bytes: ", settings.max_image_bytes, ", at most ",
         RequestLimits::header_bytes, " less than --queue-bytes ", settings.queue_bytes);
}

std::vector<std::string> model_names(const Settings& settings) {
  std::vector<std::string> names;
  for (const std::string& model : settings.models)
    if (!model.ends_with(kFileEnding)) names.push_back(model);
  return names;
}

std::vector<std::filesystem::path> model_files(const Settings& settings) {
  std::vector<std::filesystem::path> files;
  for (const std::string& model : settings.models)
    if (model.ends_with(kFileEnding)) files.emplace_back(model);
  return files;
}

bool is_local(const std::string& address) {
  if (address.rfind("unix:", 0) == 0) return true;
  const std::string_view host = host_of(address);
  if (host == "localhost" || host == "[::1]" || host == "::1") return true;
  const bool has_only_digits_and_dots =
      std::all_of(host.begin(), host.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return has_only_digits_and_dots && host.starts_with("127.");
}

int threads_per_worker(const Settings& settings) {
  if (settings.threads > 0) return settings.threads;
  return std::max(1, usable_cores() / settings.workers);
}

DeviceSetting parse_device(const std::string& text) {
  if (text == "cpu") return {};
  if (text == "cuda") return {true, 0};
  int ordinal = -1;
  if (text.rfind("cuda:", 0) == 0 && text.size() > 5) {
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data() + 5, end, ordinal).ptr == end && ordinal >= 0) return {true, ordinal};
  }
  fail(Code::invalid_argument, "--device: '", text, "' is none of cpu, cuda and cuda:N");
}

}  // namespace voxd
