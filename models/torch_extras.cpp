#include "models/torch_extras.h"

#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>

#include <string_view>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "models/torch_run.h"

namespace voxd {
namespace {

constexpr std::string_view folder = "extra/";

bool is_text(std::string_view name) {
  return name.ends_with(".json") || name.ends_with(".yaml") || name.ends_with(".yml");
}

std::map<std::string, std::string> texts_of(caffe2::serialize::PyTorchStreamReader& archive, const std::string& name,
                                            const ExtrasLimits& limits) {
  std::vector<std::string> records;
  for (const std::string& record : archive.getAllRecords())
    if (record.starts_with(folder) && is_text(record)) records.push_back(record);
  if (records.size() > limits.files)
    fail(Code::invalid_argument, name, ": ", records.size(), " extra files, at most ", limits.files);
  for (const std::string& record : records)
    if (const std::size_t bytes = archive.getRecordSize(record); bytes > limits.bytes_each)
      fail(Code::invalid_argument, name, "/", record, ": ", bytes, " bytes, at most ", limits.bytes_each);

  std::map<std::string, std::string> texts;
  for (const std::string& record : records) {
    const auto [data, bytes] = archive.getRecord(record);
    texts[record.substr(folder.size())] = std::string(static_cast<const char*>(data.get()), bytes);
  }
  return texts;
}

}  // namespace

std::map<std::string, std::string> read_extras(const std::filesystem::path& file, const ExtrasLimits& limits) {
  const std::string name = file.filename().string();
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) fail(Code::not_found, name, ": there is no such file");
  try {
    caffe2::serialize::PyTorchStreamReader archive(file.string());
    return texts_of(archive, name, limits);
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& fault) {
    fail(Code::invalid_argument, name, ": cannot be read as TorchScript: ", reason_of(fault));
  } catch (const std::exception& fault) {
    fail(Code::invalid_argument, name, ": cannot be read as TorchScript: ", reason_of(fault.what()));
  }
}

}  // namespace voxd
