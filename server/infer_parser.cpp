#include "server/infer_parser.h"

#include <algorithm>
#include <string>

#include "server/request_limits.h"

namespace voxd {
namespace {

constexpr std::size_t kMaxHeaderBytes = static_cast<std::size_t>(RequestLimits::header_bytes);
constexpr std::size_t kMaxRawInputs = 64;
constexpr int kMaxVarintBytes = 10;
constexpr int kMaxTagBytes = 5;
constexpr std::uint32_t kRawInputContentsTag = (7u << 3) | 2u;

enum WireFormat : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

/// Walks over bytes that lie in pieces.
class PieceCursor {
 public:
  explicit PieceCursor(std::span<const std::span<const std::byte>> pieces) : pieces_(pieces) {
    for (const std::span<const std::byte> piece : pieces) left_ += piece.size();
  }

  std::uint64_t left() const { return left_; }

  std::uint8_t next_byte() {
    require(1);
    skip_exhausted();
    --left_;
    return static_cast<std::uint8_t>(pieces_[piece_][offset_++]);
  }

  /// Calls take(span) for each stretch of the next `count` bytes.
  template <class Take>
  void next(std::uint64_t count, Take take) {
    require(count);
    left_ -= count;
    while (count > 0) {
      skip_exhausted();
      const std::size_t here =
          static_cast<std::size_t>(std::min<std::uint64_t>(count, pieces_[piece_].size() - offset_));
      take(pieces_[piece_].subspan(offset_, here));
      offset_ += here;
      count -= here;
    }
  }

 private:
  void require(std::uint64_t count) const {
    if (count > left_)
      fail(Code::invalid_argument, "request: ends early, ", count, " bytes announced where ", left_, " are left");
  }
  void skip_exhausted() {
    while (offset_ == pieces_[piece_].size()) {
      ++piece_;
      offset_ = 0;
    }
  }

  std::span<const std::span<const std::byte>> pieces_;
  std::size_t piece_ = 0;
  std::size_t offset_ = 0;
  std::uint64_t left_ = 0;
};

/// Reads the top level of the message; what is not a raw tensor is gathered in header_ for the generated parser.
class InferReader {
 public:
  InferReader(std::span<const std::span<const std::byte>> message, std::shared_ptr<const void> owner)
      : cursor_(message), owner_(std::move(owner)) {}

  ParsedInfer read() {
    while (cursor_.left() > 0) read_field();
    if (!parsed_.request.ParseFromString(header_)) fail(Code::invalid_argument, "request: is not a ModelInferRequest");
    return std::move(parsed_);
  }

 private:
  void read_field() {
    const std::size_t field_start = header_.size();
    const std::uint64_t tag = read_varint(kMaxTagBytes);
    if (tag > 0xffffffffu || tag >> 3 == 0) fail(Code::invalid_argument, "request: field tag ", tag, " is not valid");
    if (tag == kRawInputContentsTag) {
      read_raw_input();
      header_.resize(field_start);
      return;
    }
    switch (tag & 7) {
      case kVarint: read_varint(kMaxVarintBytes); return;
      case kFixed64: copy_to_header(8); return;
      case kLengthDelimited: copy_to_header(read_varint(kMaxVarintBytes)); return;
      case kFixed32: copy_to_header(4); return;
      default:
        fail(Code::invalid_argument, "request: field ", tag >> 3, " has wire type ", tag & 7, ", which is not taken");
    }
  }

  // The varint's bytes stay in the header as they are.
  std::uint64_t read_varint(int max_bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < max_bytes; ++i) {
      const std::uint8_t byte = cursor_.next_byte();
      append_to_header({reinterpret_cast<const std::byte*>(&byte), 1});
      if (i == kMaxVarintBytes - 1 && byte > 1) break;
      value |= std::uint64_t{byte & 0x7fu} << (7 * i);
      if ((byte & 0x80u) == 0) return value;
    }
    fail(Code::invalid_argument, "request: a number takes more than ", max_bytes, " bytes or 64 bits");
  }

  void read_raw_input() {
    if (parsed_.raw_inputs.size() == kMaxRawInputs)
      fail(Code::invalid_argument, "raw_input_contents: more than ", kMaxRawInputs, " entries");
    const std::uint64_t length = read_varint(kMaxVarintBytes);
    ScatteredBytes& raw = parsed_.raw_inputs.emplace_back();
    raw.owner = owner_;
    cursor_.next(length, [&raw](std::span<const std::byte> bytes) { raw.pieces.push_back(bytes); });
    raw.size = static_cast<std::int64_t>(length);
  }

  void copy_to_header(std::uint64_t count) {
    if (count > kMaxHeaderBytes) refuse_header();
    cursor_.next(count, [this](std::span<const std::byte> bytes) { append_to_header(bytes); });
  }

  void append_to_header(std::span<const std::byte> bytes) {
    if (header_.size() + bytes.size() > kMaxHeaderBytes) refuse_header();
    header_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  [[noreturn]] static void refuse_header() {
    fail(Code::invalid_argument, "request: more than ", kMaxHeaderBytes,
         " bytes beside raw_input_contents; large tensors must be sent raw");
  }

  PieceCursor cursor_;
  const std::shared_ptr<const void> owner_;
  ParsedInfer parsed_;
  std::string header_;
};

}  // namespace

ParsedInfer parse_infer(std::span<const std::span<const std::byte>> message, std::shared_ptr<const void> owner) {
  return InferReader(message, std::move(owner)).read();
}

}  // namespace voxd
