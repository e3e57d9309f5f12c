#include "server/decode/decoder_confinement.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

constexpr rlim_t most_address_space = rlim_t{2} << 30;

void limit(__rlimit_resource_t what, rlim_t most) {
  const rlimit both{most, most};
  if (::setrlimit(what, &both) != 0)
    fail(Code::failed_precondition, "decoder: limit ", what, ": ", std::strerror(errno));
}

struct ReleaseFilter {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};

/// The system calls that are left.
class Filter {
 public:
  Filter() : filter_(::seccomp_init(SCMP_ACT_KILL_PROCESS)) {
    if (!filter_) fail(Code::failed_precondition, "decoder: seccomp: no filter");
  }

  template <class... Conditions>
  void allow(int call, Conditions... conditions) {
    check(::seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, call, sizeof...(conditions), conditions...));
  }

  /// Sets no_new_privs as well.
  void load() { check(::seccomp_load(filter_.get())); }

 private:
  static void check(int result) {
    if (result < 0) fail(Code::failed_precondition, "decoder: seccomp: ", std::strerror(-result));
  }

  std::unique_ptr<void, ReleaseFilter> filter_;
};

void allow_what_decoding_needs(Filter& filter) {
  for (const int call : {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(munmap), SCMP_SYS(mremap),
                         SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(setitimer),
                         SCMP_SYS(clock_gettime), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn)})
    filter.allow(call);
  const scmp_arg_cmp never_executable = SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
  filter.allow(SCMP_SYS(mmap), never_executable);
  filter.allow(SCMP_SYS(mprotect), never_executable);
  // What abort() does; no other process can be signalled that way.
  for (const int call : {SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(getpid), SCMP_SYS(gettid)})
    filter.allow(call);
  filter.allow(SCMP_SYS(tgkill), SCMP_A0_64(SCMP_CMP_EQ, static_cast<std::uint64_t>(::getpid())));
}

/// The run-time libraries of sanitizers yield to threads of their own, look at their limits and stacks, and try with a
/// pipe whether memory can be read.
void allow_what_sanitizers_need(Filter& filter) {
  for (const int call : {SCMP_SYS(sched_yield), SCMP_SYS(sigaltstack), SCMP_SYS(prlimit64), SCMP_SYS(getrlimit),
                         SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(close)})
    filter.allow(call);
}

}  // namespace

void confine_decoder() {
  std::ofstream("/proc/self/oom_score_adj") << 1000;  // rather this process than the server
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  if (!is_sanitized) limit(RLIMIT_AS, most_address_space);
  Filter filter;
  allow_what_decoding_needs(filter);
  if (is_sanitized)
    allow_what_sanitizers_need(filter);
  else
    limit(RLIMIT_NOFILE, 0);
  filter.load();
}

}  // namespace voxd
