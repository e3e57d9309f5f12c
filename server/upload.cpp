#include "server/upload.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "gpu_transforms/volume/checked.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr std::size_t kMaxIdLength = 64;

void check_part(const PartDescription& part, std::size_t index, const RequestLimits& limits) {
  if (part.id.empty() || part.id.size() > kMaxIdLength)
    fail(Code::invalid_argument, "parts[", index, "].id: ", part.id.size(), " characters, from 1 to ", kMaxIdLength);
  constexpr std::string_view formats[] = {"", "nifti", "dicom", "zip", "tar"};
  if (std::find(std::begin(formats), std::end(formats), part.format) == std::end(formats))
    fail(Code::invalid_argument, "parts[", index, "].format: '", printable(part.format),
         "', known: 'nifti', 'dicom', 'zip', 'tar'");
  if (part.byte_size == 0 || part.byte_size > static_cast<std::uint64_t>(limits.max_image_bytes))
    fail(Code::invalid_argument, "parts[", index, "].byte_size: ", part.byte_size, " bytes, from 1 to ",
         limits.max_image_bytes);
}

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "'" : ", '") + printable(name) + "'";
  return list.empty() ? "none" : list;
}

}  // namespace

std::vector<PartDescription> in_channel_order(std::vector<PartDescription> parts,
                                              const PipelineDescription& description) {
  const auto names_none = [](const PartDescription& part) { return part.channel.empty(); };
  if (std::all_of(parts.begin(), parts.end(), names_none)) return parts;
  const std::vector<std::string>& known = description.channel_names;
  std::vector<PartDescription> ordered(known.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& channel = parts[i].channel;
    const auto found = std::find(known.begin(), known.end(), channel);
    if (found == known.end())
      fail(Code::invalid_argument, "parts[", i, "].channel: '", printable(channel), "', model '", description.name,
           "' has ", list_of(known));
    PartDescription& place = ordered[static_cast<std::size_t>(found - known.begin())];
    if (!place.channel.empty())
      fail(Code::invalid_argument, "parts[", i, "].channel: '", printable(channel), "' occurs twice");
    place = std::move(parts[i]);
  }
  for (std::size_t i = 0; i < known.size(); ++i)
    if (ordered[i].channel.empty()) fail(Code::invalid_argument, "parts: channel '", known[i], "' is missing");
  return ordered;
}

std::int64_t check_parts(const std::vector<PartDescription>& parts, const RequestLimits& limits) {
  if (parts.empty() || parts.size() > static_cast<std::size_t>(limits.max_parts))
    fail(Code::invalid_argument, "parts: ", parts.size(), ", from 1 to ", limits.max_parts);
  std::unordered_set<std::string_view> ids;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    check_part(parts[i], i, limits);
    if (!ids.insert(parts[i].id).second)
      fail(Code::invalid_argument, "parts[", i, "].id: '", printable(parts[i].id), "' occurs twice");
    total = checked_sum(total, static_cast<std::int64_t>(parts[i].byte_size), "parts");
  }
  if (total > limits.max_image_bytes)
    fail(Code::invalid_argument, "parts: ", total, " bytes together, at most ", limits.max_image_bytes,
         " (--max-image-bytes)");
  return total;
}

Upload::Upload(const std::vector<PartDescription>& parts, const RequestLimits& limits, const HostAllocator& allocate)
    : max_chunk_bytes_(limits.max_chunk_bytes) {
  for (const PartDescription& part : parts) {
    index_[part.id] = parts_.size();
    parts_.push_back({{part.id, part.format, part.channel, allocate(part.byte_size)}, 0});
    total_ += part.byte_size;
  }
}

void Upload::add(const std::string& part_id, std::uint64_t offset, std::string_view data) {
  const auto found = index_.find(part_id);
  if (found == index_.end())
    fail(Code::invalid_argument, "chunk.part_id: '", printable(part_id), "' was not announced");
  Part& part = parts_[found->second];
  if (data.empty() || data.size() > max_chunk_bytes_)
    fail(Code::invalid_argument, "chunk.data: ", data.size(), " bytes, from 1 to ", max_chunk_bytes_);
  if (offset != part.received)
    fail(Code::invalid_argument, "chunk.offset: ", offset, " for part '", printable(part_id), "', expected ",
         part.received);
  const std::uint64_t left = part.staged.bytes.size() - part.received;
  if (data.size() > left)
    fail(Code::invalid_argument, "chunk.data: ", data.size(), " bytes for part '", printable(part_id), "', ", left,
         " are left of ", part.staged.bytes.size());
  std::memcpy(part.staged.bytes.data() + part.received, data.data(), data.size());
  part.received += data.size();
  received_ += data.size();
}

double Upload::fraction() const { return static_cast<double>(received_) / static_cast<double>(total_); }

std::vector<StagedPart> Upload::take() {
  std::vector<StagedPart> staged;
  for (Part& part : parts_) {
    if (part.received != part.staged.bytes.size())
      fail(Code::invalid_argument, "part '", printable(part.staged.id), "': ", part.received, " bytes arrived, ",
           part.staged.bytes.size(), " were announced");
    staged.push_back(std::move(part.staged));
  }
  return staged;
}

}  // namespace voxd
