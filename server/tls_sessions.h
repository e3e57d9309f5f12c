#pragma once

#include <openssl/ssl.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/tls_files.h"

namespace voxd {

/// Makes TLS sessions for connections that are not gRPC's, with the same files under the same rules: TLS 1.2 at least,
/// certificates of clients asked for where there is an authority, files looked at anew for each session. Files that
/// cannot be read leave in force what was. Safe from any thread.
class TlsSessions {
 public:
  struct Free {
    void operator()(::SSL* session) const { ::SSL_free(session); }
    void operator()(::SSL_CTX* context) const { ::SSL_CTX_free(context); }
  };
  using Session = std::unique_ptr<::SSL, Free>;

  /// Throws Error{invalid_argument} naming the setting whose file is not what it should be.
  explicit TlsSessions(TlsFiles files);

  /// A server's side of a session, for a connected socket. Throws Error{internal}.
  Session start(int socket);

 private:
  using Context = std::shared_ptr<::SSL_CTX>;
  using Stamp = std::vector<std::filesystem::file_time_type>;
  Context current();
  Stamp stamp() const;

  const TlsFiles files_;
  std::mutex mutex_;
  Stamp stamp_;  // guarded by mutex_, as is the next
  Context context_;
};

/// The names in the client's certificate: its common name, then its alternative names. Empty without one.
std::vector<std::string> subjects_of(const ::SSL& session);

}  // namespace voxd
