#include "gpu_transforms/parallel.h"

#include <numeric>

#include "tests/support/backends.h"

namespace parallel_test {

using namespace voxd;
using voxd::test::Bench;
using voxd::test::on_every_cpu_backend;

namespace {

struct CountVisits {
  int* visits;
  std::int32_t nz;
  struct Row {
    int* visits;
    void operator()(std::int32_t z) const { ++visits[z]; }
  };
  Row row(std::int64_t r) const { return {visits + r * nz}; }
};

struct CountIndex {
  int* visits;
  void operator()(std::int64_t i) const { ++visits[i]; }
};

/// Mirrors each row through scratch memory.
struct Mirror {
  const int* in;
  int* out;
  std::int32_t n;
  template <class Team>
  void operator()(const Team& team, std::int64_t r) const {
    int* scratch = reinterpret_cast<int*>(team.scratch);
    team.each(n, [=, *this](std::int32_t i) { scratch[i] = in[r * n + i]; });
    team.sync();
    team.each(n, [=, *this](std::int32_t i) { out[r * n + i] = scratch[n - 1 - i]; });
  }
};

/// A histogram of the multiples of seven, modulo four.
struct CountSevens {
  std::uint32_t* out;
  std::int32_t n;
  template <class Team>
  void operator()(const Team& team, std::int64_t) const {
    auto* counts = reinterpret_cast<std::uint32_t*>(team.scratch);
    team.each(4, [=](std::int32_t i) { counts[i] = 0; });
    team.sync();
    const auto wanted = [](std::int32_t i) { return i % 7 == 0; };
    team.each_adding_where(n, wanted, [=](std::int32_t i) { team.add(counts + i % 4, wanted(i) ? 1u : 0u); });
    team.sync();
    team.each(4, [=, *this](std::int32_t i) { out[i] = counts[i]; });
  }
};

/// A sum that depends on the order of its additions.
struct FloatSum {
  using Value = float;
  std::int32_t n;
  struct Row {
    std::int64_t r;
    std::int32_t n;
    std::int32_t size() const { return n; }
    void add(float& sum, std::int32_t z) const { sum += 1.0f / static_cast<float>(1 + r * n + z); }
  };
  Row row(std::int64_t r) const { return {r, n}; }
  float identity() const { return 0; }
  float join(float a, float b) const { return a + b; }
};

template <class T>
std::vector<T> zeros(std::int64_t n) {
  return std::vector<T>(static_cast<std::size_t>(n));
}

}  // namespace

TEST_CASE("each verb visits every element once, whatever the number", "[parallel]") {
  on_every_cpu_backend([](Bench& bench) {
    for (const std::int64_t rows : {0, 1, 2, 7, 1000, 70000})
      for (const std::int32_t nz : {1, 3, 64}) {
        CAPTURE(rows, nz);
        std::vector<int> by_row = zeros<int>(rows * nz), by_index = zeros<int>(rows);
        parallel::for_each_row(bench.stream(), rows, nz, CountVisits{by_row.data(), nz});
        parallel::for_each_index(bench.stream(), rows, nz, CountIndex{by_index.data()});
        bench.stream().synchronize();
        REQUIRE(by_row == std::vector<int>(by_row.size(), 1));
        REQUIRE(by_index == std::vector<int>(by_index.size(), 1));
      }
  });
}

TEST_CASE("the lanes of a team see each other's writes after a sync", "[parallel]") {
  on_every_cpu_backend([](Bench& bench) {
    constexpr std::int32_t n = 1000;
    constexpr std::int64_t rows = 200;
    std::vector<int> in = zeros<int>(rows * n), out = in;
    std::iota(in.begin(), in.end(), 0);
    parallel::for_each_team(bench.stream(), rows, n, n * sizeof(int), Mirror{in.data(), out.data(), n});
    bench.stream().synchronize();
    for (std::int64_t r = 0; r < rows; ++r) std::reverse(in.begin() + r * n, in.begin() + (r + 1) * n);
    REQUIRE(out == in);
  });
}

TEST_CASE("adding where it is wanted adds nothing elsewhere", "[parallel]") {
  on_every_cpu_backend([](Bench& bench) {
    for (const std::int32_t n : {0, 1, 63, 64, 65, 1000}) {
      std::uint32_t counts[4] = {}, wanted[4] = {};
      for (std::int32_t i = 0; i < n; i += 7) ++wanted[i % 4];
      parallel::for_each_team(bench.stream(), 1, n, sizeof(counts), CountSevens{counts, n});
      bench.stream().synchronize();
      CAPTURE(n);
      REQUIRE(std::equal(counts, counts + 4, wanted));
    }
  });
}

TEST_CASE("a float sum is the same number on every backend", "[parallel]") {
  for (const std::int32_t n : {1, 31, 32, 33, 1000})
    for (const std::int64_t rows : {1, 255, 256, 257, 3000}) {
      std::vector<float> sums;
      on_every_cpu_backend([&](Bench& bench) {
        float sum = -1;
        parallel::reduce_rows(bench.workspace(), rows, n, FloatSum{n}, &sum);
        bench.stream().synchronize();
        sums.push_back(sum);
      });
      CAPTURE(n, rows, sums);
      REQUIRE(std::equal(sums.begin() + 1, sums.end(), sums.begin()));
      double exact = 0;
      for (std::int64_t i = rows * n; i > 0; --i) exact += 1.0 / static_cast<double>(i);
      REQUIRE(sums[0] == Approx(exact).epsilon(1e-4));
    }
}

TEST_CASE("an exclusive scan starts at 0 and may run in place", "[parallel]") {
  on_every_cpu_backend([](Bench& bench) {
    for (const std::int64_t n : {1, 2, 1000, 100000}) {
      std::vector<std::int64_t> values = zeros<std::int64_t>(n), wanted = values;
      std::iota(values.begin(), values.end(), 3);
      std::exclusive_scan(values.begin(), values.end(), wanted.begin(), std::int64_t{0});
      parallel::exclusive_scan(bench.workspace(), values.data(), n, values.data());
      bench.stream().synchronize();
      CAPTURE(n);
      REQUIRE(values == wanted);
    }
  });
}

TEST_CASE("values are read back after all that was enqueued before", "[parallel]") {
  on_every_cpu_backend([](Bench& bench) {
    const auto memory = bench.workspace().allocate_array<int>(5);
    parallel::fill(bench.stream(), memory.get(), 5, 42);
    REQUIRE(parallel::read_back(bench.stream(), memory.get(), 5) == std::vector<int>(5, 42));
  });
}

TEST_CASE("nothing is enqueued for nothing", "[parallel]") {
  on_every_cpu_backend([](Bench& bench) {
    parallel::for_each_row(bench.stream(), 5, 0, CountVisits{nullptr, 0});
    parallel::for_each_row(bench.stream(), 0, 5, CountVisits{nullptr, 5});
    parallel::for_each_index(bench.stream(), 0, 1, CountIndex{nullptr});
    parallel::for_each_team(bench.stream(), 0, 1, 0, Mirror{nullptr, nullptr, 0});
    bench.stream().synchronize();
  });
}

}  // namespace parallel_test
