// A safetensors file; and, behind a first byte of 'i', the index of a folder of shards.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fuzz.h"
#include "io/safetensors.h"

namespace {

// A folder with two shards that an index may name.
const std::filesystem::path& folder() {
  static const std::filesystem::path path = [] {
    const auto root =
        std::filesystem::temp_directory_path() / ("onebit_fuzz_" + std::to_string(getpid()));
    std::filesystem::create_directories(root);
    for (const std::string name : {"a", "b"}) {
      onebit::SafetensorsWriter writer(root / (name + ".safetensors"));
      writer.add_tensor(name, onebit::SafetensorsDtype::kU8, {1});
      writer.begin();
      writer.write_tensor(std::span(reinterpret_cast<const uint8_t*>("x"), 1));
      writer.commit();
    }
    std::atexit([] { std::filesystem::remove_all(folder()); });
    return root;
  }();
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace onebit;
  fuzz::expect_error_or_success([&] {
    if (size > 0 && data[0] == 'i') {
      std::ofstream(folder() / "model.safetensors.index.json", std::ios::binary)
          << fuzz::text(data + 1, size - 1);
      SafetensorsFolder::open(folder());
      return;
    }
    const auto file = SafetensorsFile::parse(fuzz::buffer(data, size), "FILE");
    std::size_t bytes = 0;
    for (const SafetensorsTensor& tensor : file.tensors()) {
      fuzz::touch(tensor.bytes);
      fuzz::require(file.find(tensor.name) == &tensor);
      bytes += tensor.bytes.size();
    }
    fuzz::require(bytes < size);  // no byte twice
  });
  return 0;
}
