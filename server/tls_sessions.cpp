#include "server/tls_sessions.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <spdlog/spdlog.h>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

using Certificate = std::unique_ptr<::X509, decltype([](::X509* p) { ::X509_free(p); })>;
using Names = std::unique_ptr<::GENERAL_NAMES, decltype([](::GENERAL_NAMES* p) { ::GENERAL_NAMES_free(p); })>;

[[noreturn]] void refuse_file(const char* setting, const std::filesystem::path& file) {
  ::ERR_clear_error();
  fail(Code::invalid_argument, setting, ": '", file.string(), "' is not a PEM file that can be used");
}

std::shared_ptr<::SSL_CTX> context_of(const TlsFiles& files) {
  std::shared_ptr<::SSL_CTX> context(::SSL_CTX_new(::TLS_server_method()), TlsSessions::Free());
  if (!context) fail(Code::internal, "TLS: no context");
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (::SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    refuse_file("--tls-cert", files.certificate);
  if (::SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    refuse_file("--tls-key", files.key);
  if (::SSL_CTX_check_private_key(context.get()) != 1) refuse_file("--tls-key", files.key);
  if (files.client_ca.empty()) return context;
  if (::SSL_CTX_load_verify_locations(context.get(), files.client_ca.c_str(), nullptr) != 1)
    refuse_file("--tls-client-ca", files.client_ca);
  ::SSL_CTX_set_client_CA_list(context.get(), ::SSL_load_client_CA_file(files.client_ca.c_str()));
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

std::string text_of(const ::ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(::ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(::ASN1_STRING_length(text))};
}

std::string address_of(const ::ASN1_STRING* bytes) {
  char text[INET6_ADDRSTRLEN];
  const int family = ::ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ::ASN1_STRING_length(bytes) != 16) return {};
  return ::inet_ntop(family, ::ASN1_STRING_get0_data(bytes), text, sizeof text) ? text : "";
}

std::string name_of(const ::GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS: return text_of(name.d.dNSName);
    case GEN_URI: return text_of(name.d.uniformResourceIdentifier);
    case GEN_EMAIL: return text_of(name.d.rfc822Name);
    case GEN_IPADD: return address_of(name.d.iPAddress);
    default: return {};
  }
}

}  // namespace

TlsSessions::TlsSessions(TlsFiles files) : files_(std::move(files)), stamp_(stamp()), context_(context_of(files_)) {}

TlsSessions::Session TlsSessions::start(int socket) {
  const Context context = current();
  Session session(::SSL_new(context.get()));
  if (!session || ::SSL_set_fd(session.get(), socket) != 1) fail(Code::internal, "TLS: no session");
  ::SSL_set_accept_state(session.get());
  ::SSL_set_mode(session.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return session;
}

TlsSessions::Stamp TlsSessions::stamp() const {
  Stamp stamp;
  for (const auto& file : {files_.certificate, files_.key, files_.client_ca}) {
    std::error_code ignored;
    stamp.push_back(std::filesystem::last_write_time(file, ignored));
  }
  return stamp;
}

TlsSessions::Context TlsSessions::current() {
  const Stamp now = stamp();
  const std::lock_guard lock(mutex_);
  if (now == stamp_) return context_;
  try {
    context_ = context_of(files_);
    stamp_ = now;
  } catch (const Error& error) {
    spdlog::warn("{}; TLS goes on with the files as they were", error.what());
  }
  return context_;
}

std::vector<std::string> subjects_of(const ::SSL& session) {
  std::vector<std::string> subjects;
  const Certificate certificate(::SSL_get1_peer_certificate(&session));
  if (!certificate) return subjects;
  const ::X509_NAME* const subject = ::X509_get_subject_name(certificate.get());
  const int place = ::X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place >= 0) subjects.push_back(text_of(::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, place))));
  const Names names(
      static_cast<::GENERAL_NAMES*>(::X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i)
    if (std::string name = name_of(*sk_GENERAL_NAME_value(names.get(), i)); !name.empty())
      subjects.push_back(std::move(name));
  return subjects;
}

}  // namespace voxd
