#include "tests/server/services/certificates.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace voxd::test {

Certificates::Certificates() {
  run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-authority -keyout ca.key "
      "-out ca.crt");
}

void Certificates::issue(const std::string& name) const {
  std::ofstream(file(name + ".ext")) << "subjectAltName=IP:127.0.0.1,DNS:localhost\n";
  run("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " +
      name + ".csr");
  run("x509 -req -in " + name + ".csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile " + name +
      ".ext -out " + name + ".crt");
}

void Certificates::replace(const std::string& name, const std::string& by) const {
  for (const char* ending : {".key", ".crt"}) {
    std::filesystem::copy_file(file(by + ending), file("next"), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(file("next"), file(name + ending));
  }
}

void Certificates::run(const std::string& arguments) const {
  const std::string command = "cd '" + folder_.path().string() + "' && openssl " + arguments + " >log 2>&1";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command + "\n" + text_of(file("log")));
}

std::string text_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace voxd::test
