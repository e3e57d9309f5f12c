#pragma once

#include <filesystem>

namespace voxd {

/// PEM files. They are looked at every second, and what has changed is served from then on; replace key and certificate
/// together, as a symbolic link's switch does.
struct TlsFiles {
  std::filesystem::path certificate;  ///< the chain; empty: no TLS
  std::filesystem::path key;
  std::filesystem::path client_ca;  ///< given: clients must have a certificate of it

  bool on() const { return !certificate.empty(); }
};

}  // namespace voxd
