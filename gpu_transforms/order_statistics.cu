#include <bit>
#include <cstring>

#include "gpu_transforms/order_statistics.h"
#include "gpu_transforms/parallel.h"

// A float's bits, turned so that they sort as unsigned numbers do, are found digit by digit (11, 11, 10 bits from the
// top): a histogram of the digit among the values that share the digits found so far, then the bin in which the rank
// falls. Counts are integers, so any order of counting gives the same result; four ranks go through the three passes
// together.
namespace voxd {
namespace {

constexpr int kRanks = 4;
constexpr int kDigitBits = 11;
constexpr int kBins = 1 << kDigitBits;
constexpr int kPasses = 3;
constexpr std::int64_t kPiece = 1 << 16;  // values per team

VOXD_HD int shift_of(int pass) { return pass == 0 ? 21 : pass == 1 ? 10 : 0; }

VOXD_HD std::uint32_t sortable(std::uint32_t bits) { return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u; }

/// The search for the ranks of one set, in device memory.
struct Search {
  std::int64_t rank[kRanks];     ///< among the values with this prefix
  std::uint32_t prefix[kRanks];  ///< digits found so far, at their place
  std::int32_t group[kRanks];    ///< the first rank with the same prefix: they share a histogram
  std::uint64_t nans;
  std::uint64_t histogram[kRanks][kBins];
};

struct StartSearch {
  Search* search;
  std::int64_t rank[kRanks];

  VOXD_HD void operator()(std::int64_t set) const {
    Search& s = search[set];
    for (int i = 0; i < kRanks; ++i) {
      s.rank[i] = rank[i];
      s.prefix[i] = 0;
      s.group[i] = 0;
    }
    s.nans = 0;
  }
};

struct ClearHistogram {
  Search* search;
  VOXD_HD ClearHistogram row(std::int64_t set) const { return {search + set}; }
  VOXD_HD void operator()(std::int32_t bin) const { search->histogram[bin / kBins][bin % kBins] = 0; }
};

/// Counts one piece of one set in scratch memory, then adds it to the set's histogram. In the first pass all ranks
/// share a prefix, and the four histograms hold every fourth value: equal neighbours (air) would otherwise wait for
/// each other's count.
template <bool kFirst>
struct CountDigits {
  const std::uint32_t* values;
  std::int64_t count, pieces;
  int pass;
  Search* search;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t row) const {
    Search& s = search[row / pieces];
    const std::int64_t begin = row % pieces * kPiece;
    const std::int32_t n = static_cast<std::int32_t>(count - begin < kPiece ? count - begin : kPiece);
    const std::uint32_t* piece = values + row / pieces * count + begin;
    std::uint32_t* counts = reinterpret_cast<std::uint32_t*>(team.scratch);
    std::uint32_t* nans = counts + kRanks * kBins;
    team.each(kRanks * kBins + 1, [&](std::int32_t i) { counts[i] = 0; });
    team.sync();
    if constexpr (kFirst) {
      team.each_adding(n, [&](std::int32_t i) {
        const std::uint32_t bits = piece[i];
        team.add(counts + (i % kRanks) * kBins + (sortable(bits) >> shift_of(0)), 1u);
        if ((bits & 0x7fffffffu) > 0x7f800000u) team.add(nans, 1u);
      });
    } else {
      count_groups(team, s, piece, n, counts);
    }
    team.sync();
    team.each(kRanks * kBins, [&](std::int32_t i) {
      if (counts[i] != 0) atomic_add(&s.histogram[kFirst ? 0 : i / kBins][i % kBins], std::uint64_t{counts[i]});
    });
    team.each(1, [&](std::int32_t) {
      if (*nans != 0) atomic_add(&s.nans, std::uint64_t{*nans});
    });
  }

  template <class Team>
  VOXD_HD void count_groups(const Team& team, const Search& s, const std::uint32_t* piece, std::int32_t n,
                            std::uint32_t* counts) const {
    const int shift = shift_of(pass), above = shift_of(pass - 1);
    std::uint32_t prefix[kRanks];
    int histogram[kRanks], groups = 0;
    for (int i = 0; i < kRanks; ++i)
      if (s.group[i] == i) {
        prefix[groups] = s.prefix[i] >> above;
        histogram[groups++] = i;
      }
    // Short of groups, the last one stands in for the rest: the first match counts.
    for (int g = groups; g < kRanks; ++g) {
      prefix[g] = prefix[groups - 1];
      histogram[g] = histogram[groups - 1];
    }
    const std::uint32_t p0 = prefix[0], p1 = prefix[1], p2 = prefix[2], p3 = prefix[3],
                        mask = (1u << (above - shift)) - 1;
    const auto wanted = [=](std::int32_t i) {
      const std::uint32_t head = sortable(piece[i]) >> above;
      return (head == p0) | (head == p1) | (head == p2) | (head == p3);
    };
    team.each_adding_where(n, wanted, [&](std::int32_t i) {
      const std::uint32_t key = sortable(piece[i]), head = key >> above;
      const int h = head == p0 ? histogram[0] : head == p1 ? histogram[1] : head == p2 ? histogram[2] : histogram[3];
      team.add(counts + h * kBins + ((key >> shift) & mask), wanted(i) ? 1u : 0u);
    });
  }
};

/// Walks each rank's histogram to the bin that holds it.
struct TakeDigit {
  Search* search;
  int pass;

  VOXD_HD void operator()(std::int64_t set) const {
    Search& s = search[set];
    for (int i = 0; i < kRanks; ++i) {
      const std::uint64_t* histogram = s.histogram[s.group[i]];
      std::uint32_t bin = 0;
      while (bin + 1 < kBins && s.rank[i] >= static_cast<std::int64_t>(histogram[bin]))
        s.rank[i] -= static_cast<std::int64_t>(histogram[bin++]);
      s.prefix[i] |= bin << shift_of(pass);
    }
    for (int i = 0; i < kRanks; ++i) {
      s.group[i] = i;
      for (int j = i - 1; j >= 0; --j)
        if (s.prefix[j] == s.prefix[i]) s.group[i] = j;
    }
  }
};

float value_of(std::uint32_t sortable_bits) {
  return std::bit_cast<float>((sortable_bits & 0x80000000u) != 0 ? sortable_bits & 0x7fffffffu : ~sortable_bits);
}

}  // namespace

std::vector<OrderStatistics> order_statistics(const float* values, std::int64_t count, int sets,
                                              const std::vector<std::int64_t>& ranks, Workspace& workspace) {
  if (ranks.empty() || ranks.size() > kRanks) fail(Code::internal, "ranks: ", ranks.size(), ", must be 1 to ", kRanks);
  Stream& stream = workspace.stream();
  const auto search = workspace.allocate_array<Search>(sets);
  StartSearch start{search.get(), {}};
  for (int i = 0; i < kRanks; ++i) start.rank[i] = ranks[std::min<std::size_t>(i, ranks.size() - 1)];
  parallel::for_each_index(stream, sets, 1, start);
  const std::int64_t pieces = parallel::ceil_div(count, kPiece);
  constexpr std::size_t kScratch = (kRanks * kBins + 1) * sizeof(std::uint32_t);
  const auto* bits = reinterpret_cast<const std::uint32_t*>(values);
  for (int pass = 0; pass < kPasses; ++pass) {
    parallel::for_each_row(stream, sets, kRanks * kBins, ClearHistogram{search.get()});
    if (pass == 0) {
      parallel::for_each_team(stream, sets * pieces, kPiece, kScratch,
                              CountDigits<true>{bits, count, pieces, pass, search.get()});
    } else {
      parallel::for_each_team(stream, sets * pieces, kPiece, kScratch,
                              CountDigits<false>{bits, count, pieces, pass, search.get()});
    }
    parallel::for_each_index(stream, sets, kRanks * kBins, TakeDigit{search.get(), pass});
  }
  std::vector<OrderStatistics> result(static_cast<std::size_t>(sets));
  const std::vector<Search> found = parallel::read_back(stream, search.get(), sets);
  for (std::size_t set = 0; set < result.size(); ++set) {
    result[set].has_nan = found[set].nans != 0;
    for (std::size_t i = 0; i < ranks.size(); ++i) result[set].values.push_back(value_of(found[set].prefix[i]));
  }
  return result;
}

}  // namespace voxd
