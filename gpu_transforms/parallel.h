#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "gpu_transforms/backend.h"
#include "gpu_transforms/cpu_stream.h"
#include "gpu_transforms/team.h"
#include "gpu_transforms/transfer.h"
#include "gpu_transforms/volume/error.h"
#include "gpu_transforms/workspace.h"
#ifdef __CUDACC__
#include "gpu_transforms/parallel_cuda.h"
#endif
#ifdef VOXD_SIMT
#include "gpu_transforms/parallel_simt.h"
#endif

// The verbs in which every kernel is written, once for the CPU and CUDA. The stream's backend picks the executor at run
// time. Each verb enqueues and returns; the work runs after what was enqueued before, and sees the memory as that left
// it. What runs must be a function object (no lambda) that holds values and device pointers only. A verb given no rows
// or no elements enqueues nothing.
//
//   transform       out[i] = f(in[i]), out[i] = f(a[i], b[i]): pointwise
//   for_each_row    auto row = f.row(r); row(z) for every z: what depends on x and y is done once per row, and the loop
//                   over z vectorises
//   for_each_team   f(team, r): the lanes of a row share scratch memory; team.each(n, g) runs g(0..n-1); team.sync()
//                   stands between what some lanes write and others read
//   for_each_index  f(i): irregular work, one element per thread
//   reduce_each_row, reduce, reduce_rows: joined in one order on every backend and thread count, so that sums of floats
//                   are reproducible
//   exclusive_scan, fill, read_back
namespace voxd::parallel {

[[noreturn]] inline void no_such_backend(const Stream& stream) {
  fail(Code::failed_precondition, "backend ", name_of(stream.backend()), ": not in this build");
}

/// At least `bytes` bytes, 64-byte aligned, that belong to the calling thread until its next call. Grows, and stays
/// with the thread.
inline std::byte* thread_scratch(std::size_t bytes) {
  struct Free {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  thread_local std::unique_ptr<std::byte, Free> memory;
  thread_local std::size_t size = 0;
  if (size < bytes) {
    memory.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
    size = bytes;
  }
  return memory.get();
}

// ---- rows ----

template <class F>
void for_each_row(Stream& stream, std::int64_t rows, std::int32_t nz, F f) {
  if (rows <= 0 || nz <= 0) return;
#ifdef VOXD_SIMT
  if (stream.backend() == Backend::simt) return simt_for_each_row(stream, rows, nz, f);
#endif
  if (!stream.is_cuda())
    return enqueue_ranges(stream, rows, nz, [f, nz](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const auto row = f.row(r);
        VOXD_INDEPENDENT
        for (std::int32_t z = 0; z < nz; ++z) row(z);
      }
    });
#ifdef __CUDACC__
  launch(stream, row_kernel<F>, ceil_div(rows, kBlock / kWarp), 0, f, rows, nz);
#else
  no_such_backend(stream);
#endif
}

/// `work`: about how many voxels a row touches. `scratch_bytes` of memory are shared by the lanes of a row; on CUDA the
/// device's shared memory is the limit.
template <class F>
void for_each_team(Stream& stream, std::int64_t rows, std::int64_t work, std::size_t scratch_bytes, F f) {
  if (rows <= 0) return;
#ifdef VOXD_SIMT
  if (stream.backend() == Backend::simt) return simt_for_each_team(stream, rows, scratch_bytes, f);
#endif
  if (!stream.is_cuda())
    return enqueue_ranges(stream, rows, work, [f, scratch_bytes](std::int64_t begin, std::int64_t end) {
      const OneThreadTeam team(thread_scratch(scratch_bytes));
      for (std::int64_t r = begin; r < end; ++r) f(team, r);
    });
#ifdef __CUDACC__
  launch(stream, team_kernel<F>, rows, scratch_bytes, f);
#else
  no_such_backend(stream);
#endif
}

/// `work`: about how many voxels an index touches.
template <class F>
void for_each_index(Stream& stream, std::int64_t n, std::int64_t work, F f) {
  if (n <= 0) return;
  if (!stream.is_cuda())
    return enqueue_ranges(stream, n, work, [f](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) f(i);
    });
#ifdef __CUDACC__
  launch(stream, index_kernel<F>, ceil_div(n, kBlock), 0, f, n);
#else
  no_such_backend(stream);
#endif
}

// ---- pointwise ----

/// out[i] = f(in[i]). `out` may be `in`.
template <class In, class Out, class F>
void transform(Stream& stream, const In* in, std::int64_t n, Out* out, F f) {
  if (n <= 0) return;
  if (!stream.is_cuda())
    return enqueue_ranges(stream, n, 1, [=](std::int64_t begin, std::int64_t end) {
      std::transform(in + begin, in + end, out + begin, f);
    });
#ifdef __CUDACC__
  thrust::transform(thrust::cuda::par_nosync.on(cuda_stream_of(stream)), in, in + n, out, f);
#else
  no_such_backend(stream);
#endif
}

/// out[i] = f(a[i], b[i]).
template <class A, class B, class Out, class F>
void transform(Stream& stream, const A* a, const B* b, std::int64_t n, Out* out, F f) {
  if (n <= 0) return;
  if (!stream.is_cuda())
    return enqueue_ranges(stream, n, 1, [=](std::int64_t begin, std::int64_t end) {
      std::transform(a + begin, a + end, b + begin, out + begin, f);
    });
#ifdef __CUDACC__
  thrust::transform(thrust::cuda::par_nosync.on(cuda_stream_of(stream)), a, a + n, b, out, f);
#else
  no_such_backend(stream);
#endif
}

template <class T>
struct FillRow {
  T* out;
  T value;
  VOXD_HD FillRow row(std::int64_t) const { return *this; }
  VOXD_HD void operator()(std::int32_t i) const { out[i] = value; }
};

/// A few values, all alike.
template <class T>
void fill(Stream& stream, T* out, std::int32_t n, T value) {
  for_each_row(stream, 1, n, FillRow<T>{out, value});
}

// ---- reductions ----

/// out[r] = all elements of row r joined. F has Value, identity(), join(a, b), and row(r) with size() and add(Value&,
/// z). Element z goes to lane z % kLanes; lanes are joined pairwise, halving their number.
template <class F>
void reduce_each_row(Stream& stream, std::int64_t rows, std::int64_t work, F f, typename F::Value* out) {
  using Value = typename F::Value;
  if (rows <= 0) return;
  if (!stream.is_cuda())
    return enqueue_ranges(stream, rows, work, [f, out](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const auto row = f.row(r);
        const std::int32_t n = row.size();
        Value lanes[kLanes];
        for (Value& lane : lanes) lane = f.identity();
        std::int32_t z = 0;
        for (; z + kLanes <= n; z += kLanes)
          for (int lane = 0; lane < kLanes; ++lane) row.add(lanes[lane], z + lane);
        for (int lane = 0; z + lane < n; ++lane) row.add(lanes[lane], z + lane);
        for (int half = kLanes / 2; half > 0; half /= 2)
          for (int lane = 0; lane < half; ++lane) lanes[lane] = f.join(lanes[lane], lanes[lane + half]);
        out[r] = lanes[0];
      }
    });
#ifdef __CUDACC__
  launch(stream, reduce_each_row_kernel<F>, ceil_div(rows, kBlock / kWarp), 0, f, rows, out);
#else
  no_such_backend(stream);
#endif
}

/// One lane per part of the values, then the first lane joins the parts in order.
template <class F>
struct JoinParts {
  static constexpr std::int32_t kParts = 256;
  using Value = typename F::Value;
  F f;
  std::int64_t n;
  Value* out;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t) const {
    Value* parts = reinterpret_cast<Value*>(team.scratch);
    const std::int64_t length = (n + kParts - 1) / kParts;
    team.each(kParts, [&](std::int32_t part) {
      Value value = f.identity();
      const std::int64_t begin = part * length;
      const std::int64_t end = begin + length < n ? begin + length : n;
      for (std::int64_t i = begin; i < end; ++i) value = f.join(value, f.value(i));
      parts[part] = value;
    });
    team.sync();
    team.each(1, [&](std::int32_t) {
      Value value = f.identity();
      for (int part = 0; part < kParts; ++part) value = f.join(value, parts[part]);
      *out = value;
    });
  }
};

/// *out = f.value(0) ... f.value(n - 1) joined, in a fixed order. For some thousand values; F has Value, identity(),
/// join(a, b), value(i).
template <class F>
void reduce(Stream& stream, std::int64_t n, F f, typename F::Value* out) {
  for_each_team(stream, 1, n, JoinParts<F>::kParts * sizeof(typename F::Value), JoinParts<F>{f, n, out});
}

/// Joins what reduce_each_row has left.
template <class F>
struct JoinRows {
  using Value = typename F::Value;
  F f;
  const Value* rows;
  VOXD_HD Value identity() const { return f.identity(); }
  VOXD_HD Value join(const Value& a, const Value& b) const { return f.join(a, b); }
  VOXD_HD Value value(std::int64_t i) const { return rows[i]; }
};

/// *out = all elements of all rows joined. Scratch: one Value per row.
template <class F>
void reduce_rows(Workspace& workspace, std::int64_t rows, std::int64_t work, F f, typename F::Value* out) {
  const auto per_row = workspace.allocate_array<typename F::Value>(rows);
  reduce_each_row(workspace.stream(), rows, work, f, per_row.get());
  reduce(workspace.stream(), rows, JoinRows<F>{f, per_row.get()}, out);
}

// ---- scan, transfers ----

/// out[i] = in[0] + ... + in[i - 1]. `out` may be `in`. On the CPU one thread does it: for a value per row.
template <class T>
void exclusive_scan(Workspace& workspace, const T* in, std::int64_t n, T* out) {
  if (n <= 0) return;
  Stream& stream = workspace.stream();
  if (!stream.is_cuda()) return as_cpu_stream(stream).enqueue([=] { std::exclusive_scan(in, in + n, out, T{0}); });
#ifdef __CUDACC__
  WorkspaceAllocator allocator(workspace);
  thrust::exclusive_scan(thrust::cuda::par_nosync(allocator).on(cuda_stream_of(stream)), in, in + n, out, T{0});
#else
  no_such_backend(stream);
#endif
}

/// `n` values from the device, after all that was enqueued. Synchronizes.
template <class T>
std::vector<T> read_back(Stream& stream, const T* values, std::int64_t n) {
  std::vector<T> result(static_cast<std::size_t>(n));
  copy_bytes(result.data(), values, result.size() * sizeof(T), Direction::to_host, stream);
  stream.synchronize();
  return result;
}

}  // namespace voxd::parallel
