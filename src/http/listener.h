// Sockets that listen, before any event loop.
#pragma once

#include <sys/types.h>

#include <string>

#include "http/server.h"

namespace onebit::http {

class Listener {
 public:
  // Throws Error as Server's constructor.
  explicit Listener(const Address& address);
  ~Listener();  // closes and removes
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;

  int release();  // the descriptor, which is then the caller's to close
  // Takes a unix socket that is still its own out of the file system.
  void remove() noexcept;
  int family() const { return family_; }
  bool is_unix() const;
  bool is_loopback() const { return is_loopback_; }  // a unix socket too
  int port() const { return port_; }                 // 0 of a unix socket
  const std::string& host() const { return host_; }  // as Host fields have it: "[::1]"
  std::string name() const;

 private:
  void listen_on_unix();
  void listen_on_tcp();

  std::string host_;
  std::string path_;
  int port_ = 0;
  int descriptor_ = -1;
  int family_ = 0;
  bool is_loopback_ = true;
  dev_t device_ = 0;  // of the unix socket, to know it again
  ino_t inode_ = 0;
};

}  // namespace onebit::http
