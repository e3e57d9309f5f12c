// voxctl, the command line of voxd: reads the arguments, runs one command, and turns its failure into one line and an
// exit code.

#include <algorithm>
#include <cctype>
#include <iostream>
#include <string>

#include "client/voxctl/commands.h"
#include "client/voxctl/exit_code.h"

namespace {

using voxd::ctl::ExitCode;

/// Standard error gets one line, whatever is in the text.
int report(std::string text, ExitCode code) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  std::cerr << "voxctl: " << text << '\n';
  return static_cast<int>(code);
}

int run(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    std::cout.flush();
    return std::cout ? 0 : report("standard output: cannot be written", ExitCode::bad_output);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return report(std::string(error.what()) + " (voxctl --help tells more)", ExitCode::usage);
  } catch (const voxd::ctl::UsageError& error) {
    return report(error.what(), ExitCode::usage);
  } catch (const voxd::ctl::OutputError& error) {
    return report(error.what(), ExitCode::bad_output);
  } catch (const voxd::Error& error) {
    return report(error.what(), voxd::ctl::exit_code_of(error.code()));
  } catch (const std::bad_alloc&) {
    return report("out of memory", ExitCode::server_error);
  } catch (const std::exception& error) {
    return report(error.what(), ExitCode::server_error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Segments 3D medical images with a voxd server.", "voxctl");
  app.set_version_flag("--version", "voxctl " VOXD_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(voxd::ctl::exit_code_help);
  voxd::ctl::Shared shared;
  voxd::ctl::add_shared_options(app, shared);
  voxd::ctl::add_segment_command(app, shared);
  voxd::ctl::add_health_command(app, shared);
  voxd::ctl::add_models_command(app, shared);
  voxd::ctl::add_load_command(app, shared);
  voxd::ctl::add_unload_command(app, shared);
  voxd::ctl::add_bench_command(app, shared);
  voxd::ctl::add_dice_command(app);
  return run(app, argc, argv);
}
