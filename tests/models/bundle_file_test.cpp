#include "models/bundle.h"
#include "models/repository.h"
#include "tests/models/fixtures.h"
#include "tests/support/catch.h"

namespace bundle_file_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

namespace fs = std::filesystem;

const fs::path networks = TEST_NETWORKS;

std::string refusal_of(const fs::path& file) {
  return message_of([&] { read_bundle(file, false); });
}

}  // namespace

TEST_CASE("a file that carries its configs is a bundle, macros and all", "[bundle]") {
  configure_torch(VOXD_TORCH_THREADS);
  const auto pipeline = Pipeline::load(networks / "whole.ts");
  const PipelineDescription& description = pipeline->description();
  CHECK(description.name == "whole");
  CHECK(description.task == "Testing");
  CHECK(description.metadata_version == "0.4.2");
  CHECK(description.labels == std::map<std::int32_t, std::string>{{1, "organ"}});
  Rig rig;
  const auto images = images_of(volume_of<float>({3, 4, 5}, [](int x, int, int) { return x; }));
  const PipelineResult result = pipeline->run(images, rig.context);
  CHECK(result.at("pred").geometry.size == Int3{8, 8, 8});
  const auto mask = result.at("pred").as<std::uint8_t>();
  CHECK(std::count(mask.begin(), mask.end(), 1) == 2 * 4 * 5);
}

TEST_CASE("what a file carries is refused with its name in it, and too much of it unread", "[bundle]") {
  const TemporaryFolder folder;
  CHECK(refusal_of(networks / "threshold.ts") == "threshold.ts: no extra/inference.json, .yaml or .yml");
  CHECK(refusal_of(networks / "many.ts") == "many.ts: 104 extra files, at most 64");
  CHECK(refusal_of(networks / "huge.ts") == "huge.ts/extra/metadata.json: 4194305 bytes, at most 4194304");
  CHECK(refusal_of(folder.path() / "none.ts") == "none.ts: there is no such file");
  CHECK(code_of([&] { read_bundle(folder.path() / "none.ts", false); }) == "not_found");
  const std::string whole = read_file(networks / "whole.ts");
  for (std::size_t n = 0; n < whole.size(); n = n * 3 + 1) {
    CAPTURE(n);
    const std::string message = refusal_of(folder.write("cut.ts", std::string_view(whole).substr(0, n)));
    CHECK_THAT(message, Contains("cut.ts: cannot be read as TorchScript: "));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("a repository has folders and files side by side, and a name once", "[bundle][repository]") {
  const TemporaryFolder folder;
  fs::copy_file(networks / "whole.ts", folder.path() / "a.ts");
  fs::copy_file(networks / "whole.ts", folder.path() / "b.ts");
  fs::copy_file(networks / "threshold.ts", folder.path() / "bare.ts");
  write_file(folder.path() / "b" / "configs" / "inference.json", "{}");
  ModelRepository repository(folder.path(), {});
  CHECK(repository.find("a")->version == "1");
  CHECK(message_of([&] { repository.find("b"); }) ==
        R"(model 'b' is not ready: "b" and "b.ts" are both called 'b' version 1)");
  CHECK_THAT(message_of([&] { repository.find("bare"); }), Contains("no extra/inference.json"));

  const auto before = repository.find("a");
  repository.load("a");
  CHECK(repository.find("a") == before);
  fs::copy_file(networks / "whole.ts", folder.path() / "new");
  fs::rename(folder.path() / "new", folder.path() / "a.ts");
  repository.load("a");
  CHECK(repository.find("a") != before);
}

TEST_CASE("single files serve without a repository, or beside names of one", "[bundle][repository]") {
  const TemporaryFolder folder;
  fs::create_directories(folder.path() / "all");
  const fs::path file = folder.path() / "spleen.ts";
  fs::copy_file(networks / "whole.ts", file);
  for (const char* name : {"a.ts", "b.ts"}) fs::copy_file(networks / "whole.ts", folder.path() / "all" / name);
  ModelRepository alone("", {{}, -1, {file}});
  CHECK(alone.list().size() == 1);
  CHECK(alone.find("spleen")->pipeline->description().name == "spleen");
  alone.rescan();
  alone.load("spleen");
  CHECK(alone.ready());

  const ModelRepository both(folder.path() / "all", {{"a"}, -1, {file}});
  CHECK(both.list().size() == 2);
  CHECK(both.list()[1].name == "spleen");
  CHECK_THAT(message_of([&] {
               ModelRepository("", {{}, -1, {folder.path() / "none.ts"}});
             }),
             Contains("there is no file '") && Contains("none.ts'"));
}

}  // namespace bundle_file_test
