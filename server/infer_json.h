#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/infer_parser.h"

namespace voxd {

/// What the JSON of a KServe REST request for an inference says; tensors may follow it in binary.
struct InferJson {
  /// A tensor whose bytes follow the JSON.
  struct Binary {
    std::size_t raw_input = 0;  ///< in parsed.raw_inputs, where it is empty until it comes
    std::int64_t size = 0;
  };

  ParsedInfer parsed;            ///< without the model's name, which is not in the JSON
  std::vector<Binary> binaries;  ///< in the order in which they come
  std::int64_t binary_bytes = 0;

  bool binary_by_default = false;
  std::map<std::string, bool> binary_output;  ///< of outputs for which it was said

  /// Whether the bytes of that output are to follow the answer's JSON, or stand in it as numbers.
  bool wants_binary(const std::string& output) const;
};

/// Reads `text`, which the caller has limited. The extension's parameters (`binary_data_size`, `binary_data`,
/// `binary_data_output`) are taken out; a parameter that is a list becomes its text, as which gRPC's clients send it.
/// Tensors in JSON may be nested as their shape or flat. Throws Error{invalid_argument} naming what is wrong.
InferJson parse_infer_json(std::string_view text);

}  // namespace voxd
