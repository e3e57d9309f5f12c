#include "models/repository.h"

#include <thread>

#include "tests/models/bundle_folder.h"
#include "tests/support/catch.h"

namespace repository_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

namespace fs = std::filesystem;

const fs::path trained = fs::path(VOXD_SOURCE_DIR) / "models/zoo/spleen_seg/models/model.ts";

const fs::path small = fs::path(TEST_NETWORKS) / "threshold.ts";

void add_bundle(const fs::path& folder, const std::string& inference = plain_chain(), bool network = true) {
  write_file(folder / "configs" / "inference.json", inference);
  write_file(folder / "configs" / "serving.json", R"({"warm_up_size": [16, 16, 16]})");
  fs::create_directories(folder / "models");
  if (network) fs::create_symlink(trained, folder / "models" / "model.ts");
}

/// One that loads in no time and is told from others by its description.
void add_small_bundle(const fs::path& folder, const std::string& description) {
  write_file(folder / "configs" / "inference.json", plain_chain());
  write_file(folder / "configs" / "serving.json",
             R"({"warm_up_size": [4, 4, 4], "description": ")" + description + R"("})");
  fs::create_directories(folder / "models");
  fs::copy_file(small, folder / "models" / "model.ts", fs::copy_options::skip_existing);
}

}  // namespace

TEST_CASE("a bad bundle does not keep the others from serving, and says why", "[repository]") {
  const TemporaryFolder folder;
  add_bundle(folder.path() / "good");
  add_bundle(folder.path() / "no_network", plain_chain(), false);
  add_bundle(folder.path() / "typo", chain_config(load_step, R"({"_target_": "AsDiscretd", "keys": "pred"})"));
  write_file(folder.path() / "not_a_bundle" / "readme.txt", "x");
  const ModelRepository repository(folder.path(), {});

  CHECK(repository.find("good")->version == "1");
  CHECK(repository.find("good", "1")->pipeline->description().name == "good");
  CHECK_FALSE(repository.ready());
  const auto list = repository.list();
  REQUIRE(list.size() == 3);
  CHECK(list[0].name == "good");
  CHECK(list[0].ready);
  CHECK(list[1].reason == "no_network/models/model.ts: there is no such file");
  CHECK_THAT(list[2].reason, Contains("typo/configs/inference.json: postprocessing.transforms[0]._target_") &&
                                 Contains("did you mean 'AsDiscreted'?"));
  CHECK(code_of([&] { repository.find("typo"); }) == "unavailable");
  CHECK_THAT(message_of([&] { repository.find("no_network"); }),
             Contains("model 'no_network' is not ready: no_network/models/model.ts"));
  CHECK(message_of([&] { repository.find("x"); }) == "Request for unknown model: 'x' is not found");
  CHECK(message_of([&] { repository.find("good", "2"); }) ==
        "Request for unknown model: 'good' version 2 is not found");
  CHECK(code_of([&] { repository.find("x"); }) == "not_found");
}

TEST_CASE("a model's status says what was decided about its network, as its bundle wants it", "[repository]") {
  const TemporaryFolder folder;
  add_bundle(folder.path() / "as_it_is");
  write_file(folder.path() / "as_it_is/configs/serving.json", R"({"warm_up_size": [16, 16, 16], "rewrite": false})");
  add_bundle(folder.path() / "usual");
  const ModelRepository repository(folder.path(), {});
  const auto list = repository.list();
  REQUIRE(list.size() == 2);
  CHECK(list[0].notes.empty());
  REQUIRE(list[1].notes.size() == 1);
  CHECK_THAT(list[1].notes[0], Contains("rewritten for oneDNN: 23 convolutions"));
}

TEST_CASE("of numbered versions the newest that could be loaded serves", "[repository]") {
  const TemporaryFolder folder;
  add_bundle(folder.path() / "model" / "2");
  add_bundle(folder.path() / "model" / "10");
  add_bundle(folder.path() / "model" / "11", "{");
  const ModelRepository repository(folder.path(), {});
  CHECK(repository.find("model")->version == "10");
  CHECK(repository.find("model", "2")->version == "2");
  CHECK(code_of([&] { repository.find("model", "11"); }) == "unavailable");
  CHECK(repository.list().size() == 3);
}

TEST_CASE("only the models that are named are loaded, and each of them must be there", "[repository]") {
  const TemporaryFolder folder;
  add_bundle(folder.path() / "a");
  add_bundle(folder.path() / "b", "{");
  const ModelRepository repository(folder.path(), {{"a"}, -1});
  CHECK(repository.ready());
  CHECK(repository.list().size() == 1);
  CHECK(code_of([&] { ModelRepository(folder.path(), {{"a", "c"}, -1}); }) == "not_found");
  CHECK_THAT(message_of([&] { ModelRepository(folder.path(), {{"c"}, -1}); }), Contains("there is no model 'c'"));
  CHECK(code_of([&] { ModelRepository(folder.path() / "nowhere", {}); }) == "not_found");
}

TEST_CASE("a model stays alive for the job that holds it", "[repository]") {
  const BundleFolder bundle;
  std::shared_ptr<const Model> held;
  {
    const ModelRepository repository(
        {{"demo", "1", Pipeline::load(bundle.path, -1, std::make_shared<ThresholdNetwork>(0.5f))}});
    held = repository.find("demo");
    CHECK(repository.ready());
  }
  Rig rig;
  const auto images = images_of(volume_of<float>({4, 4, 4}, [](int x, int, int) { return x * 30; }));
  CHECK(held->pipeline->run(images, rig.context).at("pred").as<std::uint8_t>()[63] == 1);
}

TEST_CASE("a load takes what is new and changed, keeps what is as it was, and forgets what has gone", "[repository]") {
  const TemporaryFolder folder;
  const fs::path model = folder.path() / "model";
  for (const char* version : {"1", "2", "3"}) add_small_bundle(model / version, version);
  ModelRepository repository(folder.path(), {});
  const auto second = repository.find("model", "2");
  add_small_bundle(model / "3", "changed");
  add_small_bundle(model / "4", "4");
  fs::remove_all(model / "1");
  std::vector<std::string> prepared;
  repository.load("model", [&](const Model& loaded) {
    prepared.push_back(loaded.version);
    // Meanwhile what is there serves.
    CHECK(repository.find("model")->version == "3");
    CHECK(repository.find("model", "2") == second);
  });

  CHECK(prepared == std::vector<std::string>{"3", "4"});
  CHECK(repository.find("model", "2") == second);
  CHECK(repository.find("model", "3")->pipeline->description().description == "changed");
  CHECK(repository.find("model")->version == "4");
  CHECK(code_of([&] { repository.find("model", "1"); }) == "not_found");
}

TEST_CASE("what cannot be loaded leaves what served before, until it can", "[repository]") {
  const TemporaryFolder folder;
  add_small_bundle(folder.path() / "model", "good");
  ModelRepository repository(folder.path(), {});
  write_file(folder.path() / "model" / "configs" / "inference.json", "{");
  CHECK_THAT(message_of([&] { repository.load("model"); }),
             Contains("failed to load 'model' version 1: model/configs/inference.json"));
  CHECK(code_of([&] { repository.load("model"); }) == "failed_precondition");
  CHECK(repository.find("model")->pipeline->description().description == "good");
  CHECK(repository.list().at(0).ready);
  CHECK_THAT(repository.list().at(0).reason, Contains("model/configs/inference.json"));

  add_small_bundle(folder.path() / "model", "better");
  CHECK(message_of([&] { repository.load("model", [](const Model&) { fail(Code::internal, "not warm"); }); }) ==
        "failed to load 'model' version 1: not warm");
  CHECK(repository.find("model")->pipeline->description().description == "good");
  repository.load("model");
  CHECK(repository.find("model")->pipeline->description().description == "better");
  CHECK(repository.list().at(0).reason.empty());
}

TEST_CASE("an unloaded model stays so through a rescan, until it is loaded by name", "[repository]") {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b"}) add_small_bundle(folder.path() / name, name);
  ModelRepository repository(folder.path(), {});
  const auto held = repository.find("a");
  repository.unload("a");
  CHECK(message_of([&] { repository.find("a"); }) == "model 'a' is not ready: unloaded");
  CHECK(held->pipeline->description().name == "a");
  CHECK(code_of([&] { repository.unload("x"); }) == "not_found");

  add_small_bundle(folder.path() / "c", "c");
  fs::remove_all(folder.path() / "b");
  repository.rescan();
  CHECK(code_of([&] { repository.find("a"); }) == "unavailable");
  CHECK(code_of([&] { repository.find("b"); }) == "not_found");
  CHECK(repository.find("c")->version == "1");
  CHECK(code_of([&] { repository.load("b"); }) == "not_found");
  repository.load("a");
  CHECK(repository.find("a")->version == "1");
}

TEST_CASE("a folder that is gone for a while changes nothing", "[repository]") {
  const TemporaryFolder folder;
  add_small_bundle(folder.path() / "all" / "a", "a");
  ModelRepository repository(folder.path() / "all", {});
  fs::rename(folder.path() / "all", folder.path() / "elsewhere");
  CHECK(code_of([&] { repository.rescan(); }) == "not_found");
  CHECK(code_of([&] { repository.load("a"); }) == "not_found");
  CHECK(repository.find("a")->version == "1");
}

TEST_CASE("only what may be served is loaded later, too", "[repository]") {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b"}) add_small_bundle(folder.path() / name, name);
  ModelRepository repository(folder.path(), {{"a"}, -1});
  CHECK(code_of([&] { repository.load("b"); }) == "not_found");
  repository.rescan();
  CHECK(repository.list().size() == 1);
}

TEST_CASE("many threads load, unload and ask at once, and find whole models only", "[repository]") {
  const TemporaryFolder folder;
  add_small_bundle(folder.path() / "a", "0");
  ModelRepository repository(folder.path(), {});
  std::atomic<bool> changing{true};
  std::atomic<int> strange{0};
  // Networks die here, not in a thread: libtorch's threads keep notes of the last that they ran, and ThreadSanitizer
  // does not see how libtorch guards them.
  std::vector<std::shared_ptr<const Pipeline>> kept{repository.find("a")->pipeline};
  const auto keep = [&](const Model& loaded) { kept.push_back(loaded.pipeline); };
  std::thread reader([&] {
    while (changing) {
      try {
        if (repository.find("a")->pipeline->description().name != "a") ++strange;
      } catch (const Error& error) {
        if (error.code() != Code::unavailable) ++strange;
      }
    }
  });
  std::vector<std::thread> changers;
  for (int i = 0; i < 3; ++i)
    changers.emplace_back([&] {
      for (int n = 0; n < 3; ++n) {
        repository.unload("a");
        repository.load("a", keep);
      }
    });
  for (std::thread& changer : changers) changer.join();
  changing = false;
  reader.join();
  CHECK(strange == 0);
  repository.load("a");
  CHECK(repository.ready());
}

}  // namespace repository_test
