// A server on a thread, and a client of bare sockets that sees every byte.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "http/server.h"

namespace onebit::http {

using std::chrono::milliseconds;

inline Route make_route(std::string method, std::string path, Handler handler,
                        int64_t max_body = 1 << 20) {
  return {std::move(method), std::move(path), std::move(handler), max_body, false};
}

// Answers at once: "METHOD PATH?QUERY BODY".
inline void echo(const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  Response response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path + "?" + request.query + " " + request.body;
  exchange->respond(std::move(response));
}

class TestServer {
 public:
  TestServer(ServerOptions options, std::vector<Route> routes)
      : server_(std::move(options), std::move(routes)), thread_([this] { server_.run(); }) {}
  ~TestServer() { stop(milliseconds(0)); }

  void stop(milliseconds grace) {
    server_.stop(grace);
    join();
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  Server& operator*() { return server_; }
  Server* operator->() { return &server_; }

 private:
  Server server_;
  std::thread thread_;
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // without chunks
  bool has_ended = false;                      // not cut off
};

class Client {
 public:
  explicit Client(int port, int receive_buffer = 0) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) close();
  }
  explicit Client(const std::string& unix_path) {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    unix_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) close();
  }
  ~Client() { close(); }
  Client(Client&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), in_(std::move(other.in_)) {}
  Client(const Client&) = delete;

  bool is_open() const { return socket_ >= 0; }
  int descriptor() const { return socket_; }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  // False: the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // More bytes; false at the end, or after 5 s (TSan is slow) without any.
  bool receive(milliseconds timeout = milliseconds(5000)) {
    pollfd poll = {socket_, POLLIN, 0};
    if (::poll(&poll, 1, static_cast<int>(timeout.count())) <= 0) return false;
    char bytes[16384];
    const auto count = ::recv(socket_, bytes, sizeof(bytes), 0);
    was_reset_ = count < 0 && errno == ECONNRESET;
    if (count <= 0) return false;
    in_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  bool receive_until(std::string_view text) {
    while (in_.find(text) == std::string::npos) {
      if (!receive()) return false;
    }
    return true;
  }
  const std::string& received() const { return in_; }
  std::string take_received() { return std::exchange(in_, {}); }

  // Without bytes before the end.
  bool is_closed_within(milliseconds timeout) {
    pollfd poll = {socket_, POLLIN, 0};
    if (::poll(&poll, 1, static_cast<int>(timeout.count())) <= 0) return false;
    char byte;
    const auto count = ::recv(socket_, &byte, 1, 0);
    return count == 0 || (count < 0 && errno == ECONNRESET);
  }
  bool was_reset() const { return was_reset_; }

  Answer answer(bool to_head = false) {
    Answer answer;
    if (!receive_until("\r\n\r\n")) return answer;
    const auto end = in_.find("\r\n\r\n") + 4;
    read_head(std::string_view(in_).substr(0, end - 2), answer);
    in_.erase(0, end);
    if (to_head || answer.status == 204 || answer.status == 100) {
      answer.has_ended = true;
    } else if (answer.headers.count("content-length") > 0) {
      const auto size = std::stoul(answer.headers["content-length"]);
      while (in_.size() < size && receive()) {
      }
      answer.has_ended = in_.size() >= size;
      answer.body = in_.substr(0, size);
      in_.erase(0, size);
    } else if (answer.headers.count("transfer-encoding") > 0) {
      read_chunks(answer);
    } else {
      while (receive()) {
      }
      answer.has_ended = true;
      answer.body = take_received();
    }
    return answer;
  }

 private:
  static void read_head(std::string_view head, Answer& answer) {
    if (head.starts_with("HTTP/1.1 ")) answer.status = std::stoi(std::string(head.substr(9, 3)));
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
      const auto end = head.find("\r\n");
      const auto line = head.substr(0, end);
      const auto colon = line.find(": ");
      std::string name(line.substr(0, colon));
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      answer.headers[name] = std::string(line.substr(colon + 2));
      head.remove_prefix(end + 2);
    }
  }

  void read_chunks(Answer& answer) {
    for (;;) {
      if (!receive_until("\r\n")) return;
      const auto size = std::stoul(in_, nullptr, 16);
      const auto begin = in_.find("\r\n") + 2;
      while (in_.size() < begin + size + 2) {
        if (!receive()) return;
      }
      answer.body += in_.substr(begin, size);
      in_.erase(0, begin + size + 2);
      if (size == 0) {
        answer.has_ended = true;
        return;
      }
    }
  }

  int socket_ = -1;
  bool was_reset_ = false;
  std::string in_;
};

inline std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& path, const std::string& body,
                        const std::string& fields = "") {
  return "POST " + path +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "\r\n" + body;
}

// Until it holds, for at most 5 s.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

}  // namespace onebit::http
