#pragma once

#include <filesystem>
#include <string>

#include "tests/support/temporary_folder.h"

namespace voxd::test {

/// A certificate authority of its own and what it signs, made by the program `openssl` in a folder that goes with it.
class Certificates {
 public:
  /// Throws std::runtime_error if openssl cannot.
  Certificates();

  std::filesystem::path authority() const { return file("ca.crt"); }
  std::filesystem::path certificate(const std::string& name) const { return file(name + ".crt"); }
  std::filesystem::path key(const std::string& name) const { return file(name + ".key"); }

  /// Makes NAME.crt and NAME.key for the common name NAME, good for 127.0.0.1 and localhost.
  void issue(const std::string& name) const;
  /// From now on the first name's files hold what the second's do; each is replaced in one step.
  void replace(const std::string& name, const std::string& by) const;

 private:
  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }
  void run(const std::string& arguments) const;

  TemporaryFolder folder_;
};

std::string text_of(const std::filesystem::path& file);

}  // namespace voxd::test
