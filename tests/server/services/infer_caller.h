#pragma once

#include <string>
#include <vector>

#include "tests/server/services/server_fixture.h"

namespace voxd::test {

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Two by one by three voxels.
inline inference::ModelInferRequest request_of(const std::string& datatype, const std::string& bytes) {
  inference::ModelInferRequest request;
  request.set_model_name("fake");
  request.set_id("call 7");
  auto& input = *request.add_inputs();
  input.set_name("INPUT0");
  input.set_datatype(datatype);
  for (const int axis : {1, 2, 1, 3}) input.add_shape(axis);
  if (!bytes.empty()) request.add_raw_input_contents(bytes);
  return request;
}

inline inference::ModelInferRequest float_request() {
  return request_of("FP32", raw(std::vector<float>{0, 1, 2, 3, 0.25f, 0.75f}));
}

struct Answer {
  grpc::Status status;
  inference::ModelInferResponse response;
};

inline Answer infer(const ServerFixture& server, const inference::ModelInferRequest& request) {
  Answer answer;
  grpc::ClientContext context;
  answer.status = server.kserve()->ModelInfer(&context, request, &answer.response);
  return answer;
}

}  // namespace voxd::test
