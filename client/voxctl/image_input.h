#pragma once

#include <list>
#include <string>
#include <vector>

#include "client/segmentation_client.h"

namespace voxd::ctl {

/// An INPUT argument: "T1c=FILE" is the image's channel T1c, unless there is a file of that whole name.
struct NamedInput {
  std::string channel;  ///< may be empty
  std::string file;
};
NamedInput named_input(const std::string& argument);

/// The INPUT arguments of `voxctl segment` as parts of one image. A regular file is sent from disk; "-" (standard
/// input) and what is no regular file are read to their end first, as the server must know the size; a folder stands
/// for its files, in the order of their names, without hidden ones and subfolders; where
/// some are DICOM, for those alone. Used by one thread; must outlive the
/// call that sends its parts.
class ImageInput {
 public:
  /// Throws Error{not_found} or Error{invalid_argument} naming the argument.
  explicit ImageInput(const std::vector<std::string>& arguments);

  const std::vector<ImagePart>& parts() const { return parts_; }
  /// What was left out of a folder, a sentence each.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void add(const std::string& argument);
  void add_folder(const std::filesystem::path& folder);
  void add_stream(std::istream& stream, const std::string& name);

  std::vector<ImagePart> parts_;
  std::vector<std::string> notes_;
  std::list<std::string> read_ahead_;  // bytes that parts_ point at
};

}  // namespace voxd::ctl
