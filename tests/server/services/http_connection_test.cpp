#include "server/http_connection.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <future>

#include "gpu_transforms/volume/error.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace http_connection_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// A connection and its client's end.
struct Connected {
  Connected() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    client = FileDescriptor(ends[1]);
    connection = std::make_unique<HttpConnection>(FileDescriptor(ends[0]), stop.number());
  }
  void send(std::string_view bytes) const {
    REQUIRE(::send(client.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<::ssize_t>(bytes.size()));
  }
  void tell_to_stop() const { ::eventfd_write(stop.number(), 1); }
  std::string receive(std::size_t most) const {
    std::string bytes(most, '\0');
    bytes.resize(connection->receive(std::as_writable_bytes(std::span(bytes))));
    return bytes;
  }

  FileDescriptor stop{::eventfd(0, EFD_CLOEXEC)};
  FileDescriptor happened{::eventfd(0, EFD_CLOEXEC)};
  FileDescriptor client;
  std::unique_ptr<HttpConnection> connection;
};

constexpr std::chrono::milliseconds kSoon{20};

}  // namespace

TEST_CASE("a connection's bytes come in order, whether by buffer or past it") {
  const Connected here;
  here.send("GET /" + std::string(100'000, 'x'));
  REQUIRE(here.connection->wait_for_request(std::chrono::seconds(10)));
  char head[5];
  CHECK(here.connection->read(head, sizeof head) == 5);
  CHECK(std::string_view(head, 5) == "GET /");
  std::string all;
  while (all.size() < 100'000) all += here.receive(80'000);
  CHECK(all == std::string(100'000, 'x'));
}

TEST_CASE("a connection of which nothing comes in time says which way it ended") {
  const Connected silent;
  CHECK_FALSE(silent.connection->wait_for_request(kSoon));
  silent.connection->allow(kSoon);
  CHECK(code_of([&] { silent.receive(1); }) == Code::deadline_exceeded);
  silent.connection->allow(std::nullopt);
  silent.tell_to_stop();
  CHECK(code_of([&] { silent.receive(1); }) == Code::unavailable);
  Connected closed;
  closed.client = {};
  CHECK(code_of([&] { closed.receive(1); }) == Code::cancelled);
}

TEST_CASE("a client that takes nothing is not waited for any longer than it may take") {
  const Connected here;
  here.connection->allow(kSoon);
  const std::string block(1 << 20, 'x');
  while (here.connection->write(block.data(), block.size()) > 0) {
  }
  CHECK(here.connection->is_late());
}

TEST_CASE("a request's head has an end") {
  const Connected here;
  here.send(std::string(HttpConnection::max_head + 1, 'x'));
  REQUIRE(here.connection->wait_for_request(std::chrono::seconds(10)));
  std::string head(HttpConnection::max_head, '\0');
  for (std::size_t taken = 0; taken < head.size();) {
    const ssize_t came = here.connection->read(head.data() + taken, head.size() - taken);
    REQUIRE(came > 0);
    taken += static_cast<std::size_t>(came);
  }
  CHECK(here.connection->read(head.data(), 1) == -1);
  CHECK(here.connection->is_head_too_long());
}

TEST_CASE("while an answer is made the connection tells of what happens first") {
  using Event = HttpConnection::Event;
  Connected here;
  ::eventfd_write(here.happened.number(), 1);
  CHECK(here.connection->wait_for(here.happened.number()) == Event::happened);
  ::eventfd_t count = 0;
  ::eventfd_read(here.happened.number(), &count);
  auto waiting = std::async(std::launch::async, [&] { return here.connection->wait_for(here.happened.number()); });
  here.client = {};
  CHECK(waiting.get() == Event::gone);
  const Connected other;
  other.tell_to_stop();
  CHECK(other.connection->wait_for(other.happened.number()) == Event::stopping);
}

}  // namespace http_connection_test
