#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "server/infer_parser.h"

namespace voxd::test {

enum class Agreement { same, refused, different };

/// Maps in one order, so that equal messages have equal bytes.
inline std::string canonical(const inference::ModelInferRequest& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&out);
  }
  return bytes;
}

/// Compares the hand parser with the generated one on `bytes`, cut into pieces as `seed` says. `refused`: the hand
/// parser refused, which it may always do.
inline Agreement agreement(const std::string& bytes, unsigned seed) {
  std::vector<std::span<const std::byte>> pieces;
  for (std::span<const std::byte> rest = std::as_bytes(std::span(bytes)); !rest.empty();) {
    seed = seed * 1664525u + 1013904223u;
    const std::size_t count = std::min<std::size_t>(rest.size(), (seed >> 24) % 40);
    pieces.push_back(rest.first(count));
    rest = rest.subspan(count);
  }
  const google::protobuf::LogSilencer quiet;
  inference::ModelInferRequest expected;
  const bool is_valid = expected.ParseFromString(bytes);
  ParsedInfer parsed;
  try {
    parsed = parse_infer(pieces, nullptr);
  } catch (const Error&) {
    return Agreement::refused;
  }
  if (!is_valid) return Agreement::different;
  inference::ModelInferRequest got = parsed.request;
  if (got.raw_input_contents_size() != 0) return Agreement::different;
  for (const ScatteredBytes& raw : parsed.raw_inputs) {
    std::string& gathered = *got.add_raw_input_contents();
    gathered.resize(static_cast<std::size_t>(raw.size));
    raw.copy_to(std::as_writable_bytes(std::span(gathered)));
  }
  // Byte for byte, because a comparison by value says that a NaN differs from itself.
  return canonical(got) == canonical(expected) ? Agreement::same : Agreement::different;
}

}  // namespace voxd::test
