// voxctl health, models, load and unload.

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/segmentation_client.h"
#include "client/voxctl/commands.h"

namespace voxd::ctl {
namespace {

/// "  (T1c, T1, T2, FLAIR)" where an image has several channels.
std::string channels_of(const ServedModel& model) {
  std::string text;
  for (const std::string& name : model.input_channels) text += (text.empty() ? "  (" : ", ") + name;
  return model.input_channels.size() > 1 ? text + ")" : "";
}

void print_table(const std::vector<ServedModel>& models) {
  for (const ServedModel& model : models) {
    std::cout << model.name << "  version " << model.version << "  ";
    if (model.ready)
      std::cout << "ready  " << model.task << channels_of(model)
                << (model.has_probabilities ? "  probabilities\n" : "\n");
    else
      std::cout << "not ready: " << model.reason << '\n';
  }
}

void print_json(const std::vector<ServedModel>& models) {
  auto list = nlohmann::ordered_json::array();
  for (const ServedModel& model : models)
    list.push_back({{"name", model.name},
                    {"version", model.version},
                    {"ready", model.ready},
                    {"reason", model.reason},
                    {"task", model.task},
                    {"input_channels", model.input_channels},
                    {"has_probabilities", model.has_probabilities},
                    {"description", model.description}});
  std::cout << list.dump(2) << '\n';
}

}  // namespace

void add_health_command(CLI::App& app, const Shared& shared) {
  auto wait_s = std::make_shared<double>(0);
  CLI::App* command = app.add_subcommand("health", "Says whether the server serves");
  command->add_option("--wait", *wait_s, "Seconds to wait for it")->check(CLI::Range(0.0, 86400.0));
  command->callback([&shared, wait_s] {
    SegmentationClient(shared.address, shared.client_options())
        .health(std::chrono::milliseconds(static_cast<std::int64_t>(*wait_s * 1000)));
    std::cout << shared.address << " is serving\n";
  });
}

void add_models_command(CLI::App& app, const Shared& shared) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("models", "Lists the server's models");
  command->add_flag("--json", *json, "Print JSON");
  command->callback([&shared, json] {
    const auto models = SegmentationClient(shared.address, shared.client_options()).models();
    *json ? print_json(models) : print_table(models);
  });
}

void add_load_command(CLI::App& app, const Shared& shared) {
  auto model = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("load", "Brings a model to what the server's repository now has");
  command->add_option("MODEL", *model, "Name of the model")->required();
  command->callback([&shared, model] {
    SegmentationClient(shared.address, shared.client_options()).load(*model);
    std::cout << *model << " is loaded\n";
  });
}

void add_unload_command(CLI::App& app, const Shared& shared) {
  auto model = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("unload", "Takes a model out of service until it is loaded again");
  command->add_option("MODEL", *model, "Name of the model")->required();
  command->callback([&shared, model] {
    SegmentationClient(shared.address, shared.client_options()).unload(*model);
    std::cout << *model << " is unloaded\n";
  });
}

}  // namespace voxd::ctl
