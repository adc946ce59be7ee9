#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace onebit {
namespace {

// A file descriptor that closes itself.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

// Opens a regular file for reading; returns its descriptor and size in bytes.
std::pair<int, int64_t> open_regular(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw_errno("cannot open", path.string());
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    close(fd);
    throw_errno("cannot stat", path.string());
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    throw Error(ErrorCode::kInvalidArgument,
                "cannot read " + path.string() + ": not a regular file");
  }
  return {fd, info.st_size};
}

}  // namespace

AlignedBuffer<uint8_t> read_file(const std::filesystem::path& path, int64_t max_bytes) {
  const auto [fd, size] = open_regular(path);
  const Descriptor guard{fd};
  if (size > max_bytes) {
    throw Error(ErrorCode::kInvalidFile, path.string() + ": size: expected at most " +
                                             std::to_string(max_bytes) + " bytes, found " +
                                             std::to_string(size));
  }
  AlignedBuffer<uint8_t> buffer(size);
  int64_t done = 0;
  while (done < size) {
    const ssize_t n = read(fd, buffer.data() + done, static_cast<std::size_t>(size - done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("cannot read", path.string());
    if (n == 0) {
      throw Error(ErrorCode::kIo, "cannot read " + path.string() + ": expected " +
                                      std::to_string(size) + " bytes, found " +
                                      std::to_string(done));
    }
    done += n;
  }
  return buffer;
}

FileBytes::FileBytes(AlignedBuffer<uint8_t> bytes) {
  auto owned = std::make_shared<const AlignedBuffer<uint8_t>>(std::move(bytes));
  bytes_ = owned->span();
  owner_ = std::move(owned);
}

FileBytes FileBytes::map(const std::filesystem::path& path) {
  const auto [fd, size] = open_regular(path);
  const Descriptor guard{fd};
  FileBytes file;
  if (size == 0) return file;
  const auto n = static_cast<std::size_t>(size);
  void* memory = mmap(nullptr, n, PROT_READ, MAP_PRIVATE, fd, 0);
  if (memory == MAP_FAILED) throw_errno("cannot map", path.string());
  // Where the file system has huge pages, a page fault then brings 2 MiB: packed weights are read
  // at the speed of memory, and four times as fast from a disk. A hint: failure costs only speed.
  (void)madvise(memory, n, MADV_HUGEPAGE);
  file.owner_ = std::shared_ptr<const void>(
      memory, [n](const void* pages) { munmap(const_cast<void*>(pages), n); });
  file.bytes_ = {static_cast<const uint8_t*>(memory), n};
  file.mapped_ = true;
  return file;
}

void FileBytes::release(std::span<const uint8_t> part) const {
  if (!mapped_ || part.empty()) return;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto offset = static_cast<std::size_t>(part.data() - bytes_.data());
  const std::size_t first = (offset + page - 1) / page * page;  // neighbours keep shared pages
  const std::size_t end = (offset + part.size()) / page * page;
  if (end <= first) return;
  // Advice only: that it failed costs memory, not correctness.
  (void)madvise(const_cast<uint8_t*>(bytes_.data()) + first, end - first, MADV_DONTNEED);
}

void report_bus_errors() {
  struct sigaction action {};
  action.sa_handler = [](int) {
    constexpr std::string_view kMessage = "onebit: a model file shrank while it was in use\n";
    [[maybe_unused]] const ssize_t n = write(STDERR_FILENO, kMessage.data(), kMessage.size());
    constexpr int kIoError = 74;  // EX_IOERR of sysexits.h
    _exit(kIoError);
  };
  sigaction(SIGBUS, &action, nullptr);
}

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp-" + std::to_string(getpid())) {
  file_ = std::fopen(temporary_.c_str(), "wbe");
  if (file_ == nullptr) throw_errno("cannot create", temporary_.string());
  // Written by whole huge pages, the file lies in the system's cache in such pages.
  constexpr std::size_t kBuffer = std::size_t{2} << 20;
  buffer_ = std::make_unique_for_overwrite<char[]>(kBuffer);
  std::setvbuf(file_, buffer_.get(), _IOFBF, kBuffer);
}

AtomicFile::~AtomicFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    throw_errno("cannot write", path_.string());
  }
  position_ += static_cast<int64_t>(bytes.size());
}

void AtomicFile::write(std::string_view text) {
  write(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

void AtomicFile::write_zeros(int64_t count) {
  static constexpr std::array<uint8_t, 4096> kZeros{};
  while (count > 0) {
    const int64_t n = std::min<int64_t>(count, kZeros.size());
    write(std::span(kZeros.data(), static_cast<std::size_t>(n)));
    count -= n;
  }
}

void AtomicFile::commit() {
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) {
    throw_errno("cannot write", path_.string());
  }
  const int closed = std::fclose(std::exchange(file_, nullptr));
  if (closed != 0 || rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    unlink(temporary_.c_str());
    errno = reason;
    throw_errno("cannot write", path_.string());
  }
  const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  const Descriptor guard{open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  // Some file systems refuse to sync a folder (EINVAL); the data itself is safe by then.
  if (guard.fd < 0 || (fsync(guard.fd) != 0 && errno != EINVAL)) {
    throw_errno("cannot sync folder of", path_.string());
  }
}

}  // namespace onebit
