#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace voxd {

/// What executes the parallel verbs of a stream. `own_threads` stands in for TBB where ThreadSanitizer must see every
/// thread, `simt` for CUDA where there is no card (see simt.h).
enum class Backend { serial, tbb, own_threads, simt, cuda };

std::string_view name_of(Backend backend);

/// TBB, or the pool of our own threads in a build with VOXD_OWN_THREADS.
Backend default_cpu_backend();

class Event;

/// A FIFO of work on one device: what is enqueued runs in order, one piece after the other, some time before
/// synchronize() returns. Everything that computes on volumes takes a stream and returns before the work is done, on
/// every backend: on a CPU stream of the server the work happens to run at once, on a deferred one (tests) only when
/// somebody waits, on CUDA when the card comes to it. A stream that dies has run what was enqueued. Work keeps raw
/// pointers only: what it refers to lives until the stream has passed it. Thread rule: one thread at a time uses a
/// stream; events may be waited for by another.
class Stream {
 public:
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Backend backend() const { return backend_; }
  bool is_cuda() const { return backend_ == Backend::cuda; }

  /// Appends host work; what it throws comes out of synchronize(). On CUDA it runs on a driver thread and must not call
  /// CUDA. It must not wait for a later point of its own stream.
  virtual void enqueue(std::function<void()> work) = 0;

  /// Marks the point that the stream has come to.
  virtual std::shared_ptr<Event> record() = 0;

  /// What is enqueued from now on runs after `event`, which may belong to another stream of the same device.
  virtual void wait(const Event& event) = 0;

  /// Returns when all that was enqueued has run. Rethrows the first exception that the work threw; what was queued
  /// behind it still ran.
  virtual void synchronize() = 0;

  /// The cudaStream_t, null on the CPU.
  virtual void* native_handle() const { return nullptr; }
  /// Ordinal of the CUDA device, -1 on the CPU.
  virtual int device() const { return -1; }

 protected:
  explicit Stream(Backend backend) : backend_(backend) {}

 private:
  const Backend backend_;
};

/// A point in a stream. Safe from any thread.
class Event {
 public:
  virtual ~Event() = default;
  /// Returns when the stream has passed the point. On a deferred stream this is what makes the work run, on the calling
  /// thread. What the work threw stays with the stream.
  virtual void synchronize() const = 0;
  virtual bool passed() const = 0;
};

/// A CPU stream that runs work as it is enqueued, with at most `threads` threads (0: as many as the machine has).
/// Throws Error{failed_precondition} for a backend that this build lacks, Error{invalid_argument} for CUDA or a
/// negative number.
std::unique_ptr<Stream> make_cpu_stream(Backend backend = default_cpu_backend(), int threads = 0);

/// A CPU stream for tests where nothing runs before an event or the stream is synchronized, so that code which reads
/// results early is found out.
std::unique_ptr<Stream> make_deferred_stream(Backend backend = Backend::serial);

/// A non-blocking CUDA stream. Throws Error{failed_precondition} with the reason when this build or this machine has no
/// CUDA.
std::unique_ptr<Stream> make_cuda_stream(int device);

/// Number of usable CUDA devices; 0 with `why` filled in (one line) when there is none, or the build has no CUDA.
int cuda_device_count(std::string* why = nullptr);

/// The card's name, as "NVIDIA H100 80GB HBM3". Throws as make_cuda_stream does.
std::string cuda_device_name(int device);

}  // namespace voxd
