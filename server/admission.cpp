#include "server/admission.h"

#include <utility>

namespace voxd {

Admission::Ticket::Ticket(Ticket&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  std::swap(admission_, other.admission_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Admission::Ticket::~Ticket() {
  if (admission_) admission_->give_back(1, bytes_);
}

void Admission::Ticket::shrink_to(std::int64_t bytes) {
  if (!admission_ || bytes >= bytes_) return;
  admission_->give_back(0, bytes_ - bytes);
  bytes_ = bytes;
}

Admission::Ticket Admission::admit(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_) fail(Code::unavailable, "the server is stopping and takes no new calls");
  if (calls_ >= limits_.calls)
    fail(Code::resource_exhausted, "queue is full: ", calls_, " calls in flight, at most ", limits_.calls,
         "; try again later");
  if (bytes > limits_.bytes - bytes_)
    fail(Code::resource_exhausted, "memory for images is full: ", bytes, " bytes asked for, ", bytes_,
         " in flight, at most ", limits_.bytes, "; try again later");
  ++calls_;
  bytes_ += bytes;
  return Ticket(*this, bytes);
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
  return idle_.wait_until(lock, std::move(give_up), until, [this] { return calls_ == 0; });
}

int Admission::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::int64_t Admission::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void Admission::give_back(int calls, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  calls_ -= calls;
  bytes_ -= bytes;
  if (calls_ == 0) idle_.notify_all();
}

}  // namespace voxd
