#include "http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "base/error.h"

namespace onebit::http {
namespace {

constexpr int kBacklog = 1024;

[[noreturn]] void fail(const std::string& name, int error) {
  const bool is_system = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
  throw Error(is_system ? ErrorCode::kIo : ErrorCode::kInvalidArgument,
              "listen on " + name + ": " + std::strerror(error));
}

// Between bind() and listen() a socket looks like one that nobody answers on, and a path that was
// found stale may be another server's by now: one server at a time takes a path of a folder. The
// kernel lets go of the lock even if the process dies.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder)
      : descriptor_(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC)) {
    // One that cannot be read cannot be locked; who else holds it for so long is no server.
    for (int i = 0; i < 100 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0; ++i) {
      if (errno != EWOULDBLOCK) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  const int descriptor_;
};

bool is_loopback_address(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
         (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
}

}  // namespace

Listener::Listener(const Address& address)
    : host_(address.host), path_(address.unix_path), port_(address.port) {
  try {
    is_unix() ? listen_on_unix() : listen_on_tcp();
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw;
  }
}

Listener::Listener(Listener&& other) noexcept
    : host_(std::move(other.host_)),
      path_(std::exchange(other.path_, {})),
      port_(other.port_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      family_(other.family_),
      is_loopback_(other.is_loopback_),
      device_(other.device_),
      inode_(std::exchange(other.inode_, 0)) {}

Listener::~Listener() {
  remove();
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Listener::remove() noexcept {
  struct stat status;
  if (inode_ != 0 && ::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_ &&
      status.st_dev == device_) {
    ::unlink(path_.c_str());
  }
  inode_ = 0;
}

int Listener::release() {
  return std::exchange(descriptor_, -1);
}

bool Listener::is_unix() const {
  return !path_.empty();
}

std::string Listener::name() const {
  return is_unix() ? "unix:" + path_ : "http://" + host_ + ":" + std::to_string(port_);
}

void Listener::listen_on_unix() {
  port_ = 0;
  family_ = AF_UNIX;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path)) {
    throw Error(ErrorCode::kInvalidArgument, "listen on " + name() +
                                                 ": expected a path of at most " +
                                                 std::to_string(sizeof(address.sun_path) - 1) +
                                                 " bytes, found " + std::to_string(path_.size()));
  }
  path_.copy(address.sun_path, path_.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);

  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0) fail(name(), errno);
  const FolderLock lock(std::filesystem::path(path_).parent_path());
  struct stat status;
  if (::lstat(path_.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) fail(name(), EEXIST);
    // Left by a server that ended without cleaning up, or in use?
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) fail(name(), errno);
    const int result = ::connect(probe, generic, sizeof(address));
    const int error = errno;
    ::close(probe);
    if (result == 0 || error != ECONNREFUSED) fail(name(), result == 0 ? EADDRINUSE : error);
    ::unlink(path_.c_str());
  }
  if (::bind(descriptor_, generic, sizeof(address)) != 0) fail(name(), errno);
  // Nobody can connect before listen(), so nobody gets in between.
  if (::chmod(path_.c_str(), S_IRUSR | S_IWUSR) != 0 || ::lstat(path_.c_str(), &status) != 0 ||
      ::listen(descriptor_, kBacklog) != 0) {
    const int error = errno;
    ::unlink(path_.c_str());
    fail(name(), error);
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

void Listener::listen_on_tcp() {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (port_ < 0 || port_ > 65535) fail(name(), EINVAL);
  // "[::1]" as in a URL, too
  if (host_.size() > 2 && host_.front() == '[' && host_.back() == ']') {
    host_ = host_.substr(1, host_.size() - 2);
  }
  const int problem =
      host_.empty() ? EAI_NONAME
                    : ::getaddrinfo(host_.c_str(), std::to_string(port_).c_str(), &hints, &found);
  if (problem != 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "listen on " + quote(host_) + ": " + ::gai_strerror(problem));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  // A name may have several addresses (localhost: ::1 and 127.0.0.1); clients try IPv4 at the
  // least.
  const addrinfo* best = found;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    if (a->ai_family == AF_INET) {
      best = a;
      break;
    }
  }
  if (host_.find(':') != std::string::npos) host_ = "[" + host_ + "]";
  family_ = best->ai_family;
  is_loopback_ = is_loopback_address(best->ai_addr);
  descriptor_ = ::socket(family_, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0) fail(name(), errno);
  const int yes = 1;  // a port whose last connections still wait to be forgotten may be taken
  ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  if (::bind(descriptor_, best->ai_addr, best->ai_addrlen) != 0 ||
      ::listen(descriptor_, kBacklog) != 0 ||
      ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    fail(name(), errno);
  }
  port_ = ntohs(family_ == AF_INET ? reinterpret_cast<sockaddr_in*>(&bound)->sin_port
                                   : reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
}

}  // namespace onebit::http
