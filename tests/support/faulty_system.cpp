// A library to be preloaded into a program, whose system then has no memory or starts no thread when a test says so:
//
//   VOXD_FAULTS=FILE LD_PRELOAD=faulty_system.so voxd ...
//
// FILE holds numbers of 64 bits that the test writes, and the counts that it reads, as `Orders` says. An allocation
// counts when it is large: failures of small ones are not survived by gRPC and protobuf, nor met on Linux. Nor does one
// that gRPC itself makes. Thread rule: any; the counts are atomic.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

using Number = std::atomic<std::int64_t>;

/// `let_through` of those that come are had, the next `fail` are not, the next `later` are; then none is, unless
/// `later` is 0.
struct Allocations {
  Number let_through, fail, later, seen;
  bool refuse_this_one() {
    const std::int64_t number = seen++ - let_through;
    if (number < 0) return false;
    return number < fail || (later > 0 && number - fail >= later);
  }
};

struct Orders {
  Number large;  ///< an allocation of at least that many bytes counts; 0: none
  Allocations allocations;
  Number most_threads;   ///< that a process has at once, beside its first; 0: any number
  Number threads_alive;  ///< of the process that was last to start or end one
};
static_assert(sizeof(Orders) == 7 * 8 && Number::is_always_lock_free);

Orders* map_orders() {
  const char* const name = std::getenv("VOXD_FAULTS");
  const int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return nullptr;
  const long address = syscall(SYS_mmap, nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return address == -1 ? nullptr : reinterpret_cast<Orders*>(address);
}

Orders* orders() {
  static Orders* const mapped = map_orders();
  return mapped;
}

bool is_in_grpc(const void* code) {
  Dl_info info;
  if (dladdr(code, &info) == 0 || info.dli_fname == nullptr) return false;
  return std::strstr(info.dli_fname, "libgrpc") != nullptr || std::strstr(info.dli_fname, "libgpr") != nullptr;
}

bool fails(std::size_t bytes, const void* caller) {
  if (bytes < (std::size_t{1} << 16)) return false;  // soon, and while the program starts
  Orders* const said = orders();
  if (said == nullptr || said->large <= 0 || bytes < static_cast<std::size_t>(said->large) || is_in_grpc(caller))
    return false;
  if (!said->allocations.refuse_this_one()) return false;
  errno = ENOMEM;
  return true;
}

Number threads_alive{0};

struct Task {
  void* (*start)(void*);
  void* argument;
};

/// Counts the thread's end, however it ends.
struct AtEnd {
  ~AtEnd() { orders()->threads_alive = --threads_alive; }
};

void* run_task(void* task_pointer) {
  auto* const given = static_cast<Task*>(task_pointer);
  const Task task = *given;
  delete given;
  const AtEnd at_end;
  return task.start(task.argument);
}

}  // namespace

extern "C" {

void* malloc(std::size_t bytes) noexcept {
  return fails(bytes, __builtin_return_address(0)) ? nullptr : __libc_malloc(bytes);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  return fails(count * size, __builtin_return_address(0)) ? nullptr : __libc_calloc(count, size);
}

void* realloc(void* block, std::size_t bytes) noexcept {
  return fails(bytes, __builtin_return_address(0)) ? nullptr : __libc_realloc(block, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return fails(bytes, __builtin_return_address(0)) ? nullptr : __libc_memalign(alignment, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  return fails(bytes, __builtin_return_address(0)) ? nullptr : __libc_memalign(alignment, bytes);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) noexcept {
  if (fails(bytes, __builtin_return_address(0))) return ENOMEM;
  *block = __libc_memalign(alignment, bytes);
  return *block == nullptr ? ENOMEM : 0;
}

void* mmap(void* address, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  if ((flags & MAP_ANONYMOUS) != 0 && fails(bytes, __builtin_return_address(0))) return MAP_FAILED;
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  Orders* const said = orders();
  if (said == nullptr) return create(thread, attributes, start, argument);
  const std::int64_t alive = ++threads_alive;
  const std::int64_t most = said->most_threads;
  int result = EAGAIN;
  if (most == 0 || alive <= most) {
    auto* const task = new Task{start, argument};
    result = create(thread, attributes, run_task, task);
    if (result != 0) delete task;
  }
  if (result != 0) --threads_alive;
  said->threads_alive = threads_alive.load();
  return result;
}

}  // extern "C"
