// Files in, files out. Reading copies into memory (a mapped file that shrinks is a SIGBUS);
// writing is atomic: a reader sees the old file or the whole new one, never a part.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "base/aligned_buffer.h"

namespace onebit {

// The whole file. Throws Error(kIo); a directory or other non-file is an error too. A file of more
// than `max_bytes` is refused unread: Error(kInvalidFile).
AlignedBuffer<uint8_t> read_file(const std::filesystem::path& path,
                                 int64_t max_bytes = std::numeric_limits<int64_t>::max());

// A file mapped read-only, for data sets larger than memory that this program owns.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // Throws Error(kIo).
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

 private:
  const uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Writes PATH.tmp-PID; commit() flushes, fsyncs, renames over PATH and fsyncs the folder. Without
// commit() the temporary file is removed and PATH is untouched. Every failure throws Error(kIo).
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
  std::FILE* file_ = nullptr;
  int64_t position_ = 0;
};

}  // namespace onebit
