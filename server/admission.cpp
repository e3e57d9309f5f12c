#include "server/admission.h"

#include <cmath>
#include <utility>

#include "server/printable.h"

namespace voxd {
namespace {

template <class... Parts>
[[noreturn]] void refuse(Refusal reason, Code code, const Parts&... parts) {
  throw RefusedError(reason, code, concatenated(parts...));
}

}  // namespace

std::string_view name_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::calls: return "calls";
    case Refusal::bytes: return "bytes";
    case Refusal::client_share: return "client_share";
    case Refusal::wait: return "wait";
    case Refusal::stopping: return "stopping";
  }
  return "unknown";
}

Admission::Ticket::Ticket(Admission& admission, std::string client, std::int64_t bytes)
    : admission_(&admission), client_(std::move(client)), bytes_(bytes) {}

Admission::Ticket::Ticket(Ticket&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)),
      client_(std::move(other.client_)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  std::swap(admission_, other.admission_);
  std::swap(client_, other.client_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Admission::Ticket::~Ticket() {
  if (admission_) admission_->give_back(client_, 1, bytes_);
}

void Admission::Ticket::shrink_to(std::int64_t bytes) {
  if (!admission_ || bytes >= bytes_) return;
  admission_->give_back(client_, 0, bytes_ - bytes);
  bytes_ = bytes;
}

Admission::Ticket Admission::admit(std::int64_t bytes, const std::string& client) {
  const std::lock_guard lock(mutex_);
  if (closed_) refuse(Refusal::stopping, Code::unavailable, "the server is stopping and takes no new calls");
  if (load_.calls >= limits_.calls)
    refuse(Refusal::calls, Code::resource_exhausted, "queue is full: ", load_.calls, " calls in flight, at most ",
           limits_.calls, "; try again later");
  if (bytes > limits_.bytes - load_.bytes)
    refuse(Refusal::bytes, Code::resource_exhausted, "memory for images is full: ", bytes, " bytes asked for, ",
           load_.bytes, " in flight, at most ", limits_.bytes, "; try again later");
  if (const auto held = clients_.find(client); held != clients_.end()) check_share(held->second, bytes);
  for (Load* const load : {&clients_[client], &load_}) {
    ++load->calls;
    load->bytes += bytes;
  }
  return {*this, client, bytes};
}

void Admission::check_share(const Load& held, std::int64_t bytes) const {
  const int most_calls = static_cast<int>(std::ceil(limits_.client_share * limits_.calls));
  if (held.calls >= most_calls)
    refuse(Refusal::client_share, Code::resource_exhausted, "the client has ", held.calls, " calls in flight, at most ",
           most_calls, " (--client-share); try again later");
  const auto most_bytes =
      static_cast<std::int64_t>(std::ceil(limits_.client_share * static_cast<double>(limits_.bytes)));
  if (bytes > most_bytes - held.bytes)
    refuse(Refusal::client_share, Code::resource_exhausted, "the client's images: ", bytes, " bytes asked for, ",
           held.bytes, " in flight, at most ", most_bytes, " (--client-share); try again later");
}

void Admission::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

bool Admission::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool Admission::wait_idle(Clock::time_point until, std::stop_token give_up) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, std::move(give_up), until, [this] { return load_.calls == 0; });
}

int Admission::calls() const {
  const std::lock_guard lock(mutex_);
  return load_.calls;
}

std::int64_t Admission::bytes() const {
  const std::lock_guard lock(mutex_);
  return load_.bytes;
}

void Admission::give_back(const std::string& client, int calls, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto held = clients_.find(client);
  for (Load* const load : {&load_, &held->second}) {
    load->calls -= calls;
    load->bytes -= bytes;
  }
  if (held->second.calls == 0) clients_.erase(held);
  if (load_.calls == 0) idle_.notify_all();
}

}  // namespace voxd
