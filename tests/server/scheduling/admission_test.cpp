#include "server/admission.h"

#include <limits>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace admission_test {

using namespace voxd;

namespace {

Code code_of(Admission& admission, std::int64_t bytes) {
  try {
    admission.admit(bytes);
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("was admitted");
  return Code::internal;
}

}  // namespace

TEST_CASE("calls are admitted up to either limit and what ends makes room") {
  Admission admission({2, 100});
  Admission::Ticket a = admission.admit(60);
  CHECK(code_of(admission, 41) == Code::resource_exhausted);
  Admission::Ticket b = admission.admit(40);
  CHECK(code_of(admission, 0) == Code::resource_exhausted);
  CHECK(admission.bytes() == 100);
  a = {};
  CHECK(admission.bytes() == 40);
  CHECK(admission.calls() == 1);
  b.shrink_to(10);
  CHECK(admission.bytes() == 10);
  b.shrink_to(20);
  CHECK(admission.bytes() == 10);
}

TEST_CASE("a size that would overflow the sum is refused") {
  Admission admission({10, 100});
  const Admission::Ticket ticket = admission.admit(50);
  CHECK(code_of(admission, std::numeric_limits<std::int64_t>::max()) == Code::resource_exhausted);
}

TEST_CASE("a ticket moves its share with it") {
  Admission admission({2, 100});
  Admission::Ticket a = admission.admit(10);
  Admission::Ticket b = std::move(a);
  a = {};
  CHECK(admission.calls() == 1);
  b = {};
  CHECK(admission.calls() == 0);
}

TEST_CASE("a client holds at most its share of calls and bytes, whatever else is free", "[admission]") {
  Admission admission({4, 100, 0.5});
  const auto reason = [&](std::int64_t bytes, const std::string& client) {
    try {
      admission.admit(bytes, client);
    } catch (const RefusedError& error) {
      return std::string(name_of(error.reason));
    }
    return std::string("none");
  };
  const Admission::Ticket first = admission.admit(20, "a");
  CHECK(reason(31, "a") == "client_share");
  CHECK(reason(30, "a") == "none");
  const Admission::Ticket second = admission.admit(1, "a");
  CHECK(reason(1, "a") == "client_share");
  CHECK(reason(79, "b") == "none");  // the first of a client may be as large as there is room for
  CHECK(reason(80, "b") == "bytes");
}

TEST_CASE("a client is known until the last of its calls ends, whatever they bring", "[admission]") {
  Admission admission({8, 100, 0.25});
  Admission::Ticket first = admission.admit(0, "a"), second = admission.admit(0, "a");
  CHECK_THROWS_AS(admission.admit(0, "a"), RefusedError);
  first = {};
  first = admission.admit(0, "a");
  CHECK_THROWS_AS(admission.admit(0, "a"), RefusedError);
  first = {};
  second = {};
  CHECK(admission.calls() == 0);
}

TEST_CASE("once closed nothing is admitted and the last call that ends wakes who waits") {
  Admission admission({2, 100});
  Admission::Ticket ticket = admission.admit(1);
  admission.close();
  CHECK(code_of(admission, 1) == Code::unavailable);
  CHECK_FALSE(admission.wait_idle(Clock::now()));
  const std::jthread ender([&] { ticket = {}; });
  CHECK(admission.wait_idle(Clock::time_point::max()));
}

TEST_CASE("many threads that admit and end at once leave nothing behind") {
  Admission admission({8, 1000});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        for (int round = 0; round < 1000; ++round) admission.admit(100).shrink_to(round % 100);
      });
  }
  CHECK(admission.calls() == 0);
  CHECK(admission.bytes() == 0);
}

}  // namespace admission_test
