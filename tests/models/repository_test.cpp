#include "models/repository.h"

#include "tests/models/bundle_folder.h"
#include "tests/support/catch.h"

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

namespace fs = std::filesystem;

const fs::path trained = fs::path(VOXD_SOURCE_DIR) / "models/zoo/spleen_seg/models/model.ts";

void add_bundle(const fs::path& folder, const std::string& inference = plain_chain(), bool network = true) {
  write_file(folder / "configs" / "inference.json", inference);
  write_file(folder / "configs" / "serving.json", R"({"warm_up_size": [16, 16, 16]})");
  fs::create_directories(folder / "models");
  if (network) fs::create_symlink(trained, folder / "models" / "model.ts");
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
