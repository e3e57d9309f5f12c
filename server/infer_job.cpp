#include "server/infer_job.h"

#include <utility>

#include "server/infer_request.h"

namespace voxd {
namespace {

FindRegion region_finder(const Serving& serving, const SharedMemory::Caller& caller) {
  return [&serving, &caller](const std::string& name) {
    return serving.shared_memory.find(serving.shared_memory.scope_of(caller), name);
  };
}

std::int64_t shared_input_bytes(const TensorRequest& request) {
  std::int64_t bytes = 0;
  for (const InputTensor& input : request.inputs)
    if (std::holds_alternative<SharedBytes>(input.data)) bytes += byte_size(input.data);
  return bytes;
}

}  // namespace

std::shared_ptr<TensorJob> make_infer_job(ParsedInfer parsed, const InferOrigin& origin, const Serving& serving,
                                          std::shared_ptr<JobListener<TensorResult>> listener, RequestRecord& record) {
  record.id = parsed.request.id();
  record.trace = origin.trace;
  record.bytes_in = origin.message_bytes;
  std::shared_ptr<const Model> model = serving.find_model(parsed.request.model_name(), parsed.request.model_version());
  record.model = model->name;
  record.version = model->version;
  const InferOptions options = infer_options(parsed.request.parameters());
  std::optional<Clock::time_point> deadline = origin.deadline;
  if (options.deadline && (!deadline || *options.deadline < *deadline)) deadline = options.deadline;
  check_deadline(deadline);

  TensorRequest request =
      tensor_request(std::move(parsed), model, options.affine, region_finder(serving, origin.caller));
  request.request_id = record.id;
  request.trace = record.trace;
  const std::int64_t shared = shared_input_bytes(request);
  if (shared > serving.limits.max_image_bytes)
    fail(Code::invalid_argument, "image: ", shared, " bytes in shared memory, at most ", serving.limits.max_image_bytes,
         " (--max-image-bytes)");
  record.bytes_in += shared;
  JobTraits traits = serving.traits_of(*model, origin.client, record.bytes_in);
  traits.priority = options.priority;
  traits.deadline = deadline;
  auto job = std::make_shared<TensorJob>(std::move(request), std::move(listener), serving.records);
  static_cast<JobTraits&>(*job) = std::move(traits);
  return job;
}

}  // namespace voxd
