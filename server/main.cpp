#include <cstdio>
#include <iostream>

#include "models/openmp.h"
#include "server/app.h"
#include "server/library_logs.h"
#include "server/logging.h"
#include "server/machine.h"
#include "server/settings.h"
#include "server/signals.h"
#include "server/version.h"

namespace {

constexpr int kFailed = 1;

int serve(const voxd::Settings& settings) {
  voxd::Signals signals;
  voxd::raise_descriptor_limit();
  voxd::keep_freed_memory();
  voxd::App app(settings);
  while (signals.wait() == voxd::Signals::Wish::rescan) app.refresh();
  return app.drain(signals.second()) ? 0 : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  voxd::prefer_passive_openmp(argv);
  const voxd::CommandLine command = voxd::parse_command_line(argc, argv, voxd::version_text());
  if (command.exit_code) {
    (*command.exit_code == 0 ? std::cout : std::cerr) << command.text;
    return *command.exit_code;
  }
  try {
    voxd::start_logging(command.settings.log);
    voxd::redirect_library_logs();
    return serve(command.settings);
  } catch (const std::exception& error) {
    std::cerr << "voxd: " << error.what() << '\n';
    return kFailed;
  }
}
