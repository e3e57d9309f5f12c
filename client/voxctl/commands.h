#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "client/segmentation_client.h"

namespace voxd::ctl {

/// What the commands share.
struct Shared {
  std::string address = "127.0.0.1:8001";
  ClientSecurity security;
  std::filesystem::path token_file;  ///< whose first line is the token; empty: none

  /// Throws Error{not_found} if the token's file cannot be read.
  ClientOptions client_options() const;
};

/// Adds the options that all commands take.
void add_shared_options(CLI::App& app, Shared& shared);

/// Each adds one subcommand with its options. The work is done by the callback, which throws Error, UsageError or
/// OutputError. `shared` must outlive the app and is read once the arguments are parsed.
void add_segment_command(CLI::App& app, const Shared& shared);
void add_health_command(CLI::App& app, const Shared& shared);
void add_models_command(CLI::App& app, const Shared& shared);
void add_load_command(CLI::App& app, const Shared& shared);
void add_unload_command(CLI::App& app, const Shared& shared);
void add_bench_command(CLI::App& app, const Shared& shared);
void add_dice_command(CLI::App& app);

}  // namespace voxd::ctl
