// Files in, files out. Writing is atomic: a reader sees the old file or the whole new one, never a
// part.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/aligned_buffer.h"

namespace onebit {

// The whole file. Throws as throw_errno; a directory or other non-file is an error too. A file of
// more than `max_bytes` is refused unread: Error(kInvalidFile).
AlignedBuffer<uint8_t> read_file(const std::filesystem::path& path,
                                 int64_t max_bytes = std::numeric_limits<int64_t>::max());

// The bytes of a file, mapped read-only or in memory; copies share them. A mapped file that another
// program shortens meanwhile raises SIGBUS on use: see report_bus_errors().
class FileBytes {
 public:
  FileBytes() = default;
  FileBytes(AlignedBuffer<uint8_t> bytes);  // in memory; implicit: any buffer may stand for a file
  static FileBytes map(const std::filesystem::path& path);  // Throws as throw_errno.

  std::span<const uint8_t> span() const { return bytes_; }
  int64_t size() const { return static_cast<int64_t>(bytes_.size()); }
  const std::shared_ptr<const void>& owner() const { return owner_; }  // keeps the bytes alive
  // The caller is done with this part of them: pages that are mapped leave memory, and come back
  // from the file when they are read again.
  void release(std::span<const uint8_t> part) const;

 private:
  std::shared_ptr<const void> owner_;
  std::span<const uint8_t> bytes_;
  bool mapped_ = false;
};

// For programs: a mapped file that shrinks while it is in use ends the process with one line on
// stderr and exit status 74 (EX_IOERR), not with a bare signal.
void report_bus_errors();

// Writes PATH.tmp-PID; commit() flushes, fsyncs, renames over PATH and fsyncs the folder. Without
// commit() the temporary file is removed and PATH is untouched. Failures throw as throw_errno.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::span<const uint8_t> bytes);
  void write(std::string_view text);
  void write_zeros(int64_t count);
  int64_t position() const { return position_; }
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::unique_ptr<char[]> buffer_;
  std::FILE* file_ = nullptr;
  int64_t position_ = 0;
};

}  // namespace onebit
