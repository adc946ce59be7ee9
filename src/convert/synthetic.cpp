#include "convert/synthetic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "base/rng.h"
#include "convert/chunks.h"
#include "io/gguf.h"
#include "quant/panel_shape.h"
#include "quant/weights.h"
#include "text/byte_alphabet.h"
#include "vocab/gguf.h"

namespace onebit {
namespace {

struct Width {
  int64_t hidden, intermediate, layers, heads, kv_heads, head_dim, vocab;
};

ModelConfig config(const char* architecture, const Width& w, float theta, float eps, bool tied) {
  ModelConfig c;
  c.architecture = architecture;
  c.hidden_size = w.hidden;
  c.intermediate_size = w.intermediate;
  c.n_layers = w.layers;
  c.n_heads = w.heads;
  c.n_kv_heads = w.kv_heads;
  c.head_dim = w.head_dim;
  c.vocab_size = w.vocab;
  c.max_seq_len = 4096;
  c.rope_theta = theta;
  c.rms_norm_eps = eps;
  c.projection_norm_eps = eps;
  c.tie_embeddings = tied;
  const std::string name = architecture;
  c.sub_norms = name.starts_with("bitnet");
  c.qk_norms = name == "qwen3";
  c.activation = name == "bitnet-b1.58" ? Activation::kRelu2 : Activation::kSilu;
  c.act_quant = name == "qwen3" ? ActQuant::kInt8Group : ActQuant::kInt8;
  return c;
}

std::vector<SyntheticShape> make_shapes() {
  const auto shape = [](const char* name, ModelConfig c, TensorType type, TensorType embedding,
                        TensorType output, const char* pre) {
    c.name = std::string(name) + ", random weights";
    return SyntheticShape{name, std::move(c), type, embedding, output, pre};
  };
  const auto bitnet = [](const Width& w) { return config("bitnet-b1.58", w, 5e5f, 1e-5f, true); };
  const auto llama = [](const Width& w, float theta) {
    return config("llama", w, theta, 1e-5f, false);
  };
  const auto qwen3 = [](const Width& w, bool tied) {
    return config("qwen3", w, 1e6f, 1e-6f, tied);
  };
  return {
      // Made up, for benchmarks; 1b has 1.0 G weights in its layers.
      shape("100m", bitnet({768, 2048, 14, 12, 4, 64, 32000}), kI2_S, kF16, kF16, "gpt-2"),
      shape("1b", bitnet({2048, 5632, 24, 16, 4, 128, 32000}), kI2_S, kF16, kF16, "gpt-2"),
      // microsoft/bitnet-b1.58-2B-4T, ggml-model-i2_s.gguf
      shape("2b4t", bitnet({2560, 6912, 30, 20, 5, 128, 128256}), kI2_S, kF16, kF16, "llama-bpe"),
      // 1bitLLM/bitnet_b1_58-3B
      shape("bitnet-3b", config("bitnet", {3200, 8640, 26, 32, 32, 100, 32002}, 1e4f, 1e-5f, true),
            kI2_S, kF16, kF16, "gpt-2"),
      // HF1BitLLM/Llama3-8B-1.58
      shape("llama3-8b", llama({4096, 14336, 32, 32, 8, 128, 128256}, 5e5f), kI2_S, kF16, kF16,
            "llama-bpe"),
      // tiiuae/Falcon3-10B-1.58bit
      shape("falcon3-10b", llama({3072, 23040, 40, 12, 4, 256, 131072}, 1000042.0f), kI2_S, kF16,
            kF16, "falcon3"),
      // prism-ml/Bonsai-1.7B and -8B: embedding and head are binary too
      shape("bonsai-1.7b", qwen3({2048, 6144, 28, 16, 8, 128, 151936}, true), kQ1_0, kQ1_0, kQ1_0,
            "qwen2"),
      shape("bonsai-8b", qwen3({4096, 12288, 36, 32, 8, 128, 151936}, false), kQ1_0, kQ1_0, kQ1_0,
            "qwen2"),
      // Llama 2 70B, and what a model of 100 G weights could look like
      shape("70b", llama({8192, 28672, 80, 64, 8, 128, 32000}, 1e4f), kI2_S, kF16, kF16, "gpt-2"),
      shape("100b", llama({9216, 30720, 96, 72, 8, 128, 32000}, 1e4f), kI2_S, kF16, kF16, "gpt-2"),
  };
}

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;  // row length first
  const Format* format;

  int64_t cols() const { return shape[0]; }
  int64_t rows() const { return shape.size() > 1 ? shape[1] : 1; }
  int64_t bytes() const try { return format->bytes(rows(), cols()); } catch (const Error& e) {
    throw Error(ErrorCode::kInvalidArgument, "tensor " + quote(name) + ": " + e.what());
  }
};

// Of the embedding and the head, whose published type is `type`, in a file whose layers are
// `layers`: panels where those are.
const Format& table_format(TensorType type, const Format& layers) {
  if (!layers.packing) return format(type);
  return format(format(type).weight_class == WeightClass::kBinary ? kP_BINARY_128_F16 : kP_INT8);
}

std::vector<Tensor> list_tensors(const SyntheticShape& shape, const Format& type) {
  const ModelConfig& c = shape.config;
  std::vector<Tensor> tensors;
  const auto norm = [&](const std::string& name, int64_t n) {
    tensors.push_back({name + ".weight", {n}, &format(kF32)});
  };
  tensors.push_back({"token_embd.weight",
                     {c.hidden_size, c.vocab_size},
                     &table_format(shape.embedding_type, type)});
  norm("output_norm", c.hidden_size);
  if (!c.tie_embeddings) {
    tensors.push_back(
        {"output.weight", {c.hidden_size, c.vocab_size}, &table_format(shape.output_type, type)});
  }
  for (int64_t l = 0; l < c.n_layers; ++l) {
    const std::string blk = "blk." + std::to_string(l) + ".";
    const auto linear = [&](const char* name, int64_t rows, int64_t cols) {
      tensors.push_back({blk + name + ".weight", {cols, rows}, &type});
    };
    norm(blk + "attn_norm", c.hidden_size);
    linear("attn_q", c.q_size(), c.hidden_size);
    linear("attn_k", c.kv_size(), c.hidden_size);
    linear("attn_v", c.kv_size(), c.hidden_size);
    if (c.qk_norms) norm(blk + "attn_q_norm", c.head_dim);
    if (c.qk_norms) norm(blk + "attn_k_norm", c.head_dim);
    if (c.sub_norms) norm(blk + "attn_sub_norm", c.q_size());
    linear("attn_output", c.hidden_size, c.q_size());
    norm(blk + "ffn_norm", c.hidden_size);
    linear("ffn_gate", c.intermediate_size, c.hidden_size);
    linear("ffn_up", c.intermediate_size, c.hidden_size);
    if (c.sub_norms) norm(blk + "ffn_sub_norm", c.intermediate_size);
    linear("ffn_down", c.hidden_size, c.intermediate_size);
  }
  return tensors;
}

// Bytes, then words that no text makes; the last two ids are the special ones.
Vocab make_vocab(const SyntheticShape& shape) {
  Vocab vocab;
  const auto n = static_cast<std::size_t>(shape.config.vocab_size);
  vocab.tokens.reserve(n);
  for (int byte = 0; byte < 256; ++byte) {
    vocab.tokens.push_back(to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  }
  while (vocab.tokens.size() < n - 2) {
    vocab.tokens.push_back(to_byte_alphabet(" w" + std::to_string(vocab.tokens.size())));
  }
  vocab.types.assign(n - 2, static_cast<int32_t>(TokenType::kNormal));
  for (const char* special : {"<s>", "</s>"}) {
    vocab.tokens.push_back(special);
    vocab.types.push_back(static_cast<int32_t>(TokenType::kControl));
  }
  vocab.bos_id = static_cast<int32_t>(n) - 2;
  vocab.eos_id = static_cast<int32_t>(n) - 1;
  vocab.add_bos = true;
  vocab.pre = shape.pre;
  return vocab;
}

constexpr float kLargestEmbedding = 0.05f;

// Rows of random weights: codes with one scale that keeps the size of activations, or floats.
class RandomRows {
 public:
  explicit RandomRows(uint64_t seed) : rng_(seed) {}

  void fill(const Tensor& t, int64_t count, uint8_t* bytes) {
    const int64_t n = count * t.cols();
    if (t.format->packing && fill_panels(t, count, bytes)) return;
    if (t.format->weight_class != WeightClass::kFloat) {
      fill_codes(t, count);
      t.format->from_codes(codes_, bytes);
      return;
    }
    floats_.resize(static_cast<std::size_t>(n));
    for (float& v : floats_) {  // norms are 1, embeddings uniform
      v = t.rows() == 1 ? 1.0f
                        : static_cast<float>(static_cast<int32_t>(rng_.next() >> 40) - (1 << 23)) *
                              (kLargestEmbedding / (1 << 23));
    }
    t.format->from_float(floats_.data(), count, t.cols(), bytes);
  }

 private:
  // Random bytes straight into panels, as fast as a disk takes them; false where panels have
  // padding, which is zero.
  bool fill_panels(const Tensor& t, int64_t count, uint8_t* bytes) {
    const Packing packing = *t.format->packing;
    if (count % packing_shape(packing).tile_rows != 0 || t.cols() % kColumnPad != 0) return false;
    const PanelShape shape(packing, count, t.cols(), t.format->group, t.format->scale_type);
    const auto table = byte_table(packing);
    for (int64_t i = 0; i < shape.weight_bytes; i += 8) {
      uint64_t word = rng_.next();
      if (packing != Packing::kBinaryI8) {
        uint64_t valid = 0;
        for (int b = 0; b < 64; b += 8) valid |= uint64_t{table[word >> b & 0xff]} << b;
        word = valid;
      }
      std::memcpy(bytes + i, &word, sizeof word);
    }
    const float scale = packing == Packing::kInt8 ? kLargestEmbedding / 127
                        : packing == Packing::kInt6
                            ? kLargestEmbedding / 31
                            : 1.0f / std::sqrt(static_cast<float>(t.cols()));
    for (int64_t row = 0; row < count; ++row) {
      for (int64_t g = 0; g < shape.groups; ++g) {
        shape.set_scale(bytes + shape.weight_bytes, row, g,
                        shape.groups > 1 ? varied(scale) : scale);
      }
    }
    return true;
  }

  // 3/4 to 5/4 of `scale`.
  float varied(float scale) {
    return scale * (0.75f + 0.5f * static_cast<float>(rng_.next() >> 40) * 0x1p-24f);
  }

  // Any byte to one that the packing has: four codes of three, or not -128.
  static std::array<uint8_t, 256> byte_table(Packing packing) {
    std::array<uint8_t, 256> table{};
    for (int byte = 0; byte < 256; ++byte) {
      int trits = byte * 81 >> 8;
      int codes = 0;
      for (int p = 0; p < 8; p += 2, trits /= 3) codes |= trits % 3 << p;
      table[static_cast<std::size_t>(byte)] =
          static_cast<uint8_t>(packing == Packing::kTernaryI8 ? codes : std::max(byte, 1));
    }
    return table;
  }

  void fill_codes(const Tensor& t, int64_t count) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(t.cols()));
    codes_.rows = count;
    codes_.cols = t.cols();
    // Types with a scale for every few columns hold models that use them; those of llama.cpp's 256
    // columns repeat one.
    const bool varies = t.format->group > 0 && t.format->group <= kScaleGroup;
    codes_.group = varies ? t.format->group : t.cols();
    codes_.scales.assign(varies ? static_cast<std::size_t>(count * codes_.groups()) : 1, 0);
    for (float& s : codes_.scales) s = f16_to_f32(f32_to_f16(varies ? varied(scale) : scale));
    codes_.codes.resize(static_cast<std::size_t>(count * t.cols()));
    const bool binary = t.format->weight_class == WeightClass::kBinary;
    for (std::size_t i = 0; i < codes_.codes.size();) {
      uint64_t bits = rng_.next();
      for (int j = 0; j < 32 && i < codes_.codes.size(); ++j, ++i, bits >>= 2) {
        const int low = static_cast<int>(bits & 1);
        const int high = static_cast<int>(bits >> 1 & 1);
        codes_.codes[i] = static_cast<int8_t>(binary ? 2 * low - 1 : low - high);
      }
    }
  }

  Rng rng_;
  CodeMatrix codes_;
  std::vector<float> floats_;
};

}  // namespace

std::span<const SyntheticShape> synthetic_shapes() {
  static const std::vector<SyntheticShape> shapes = make_shapes();
  return shapes;
}

const SyntheticShape& synthetic_shape(const std::string& name) {
  std::string known;
  for (const SyntheticShape& shape : synthetic_shapes()) {
    if (name == shape.name) return shape;
    known += " " + std::string(shape.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "shape: expected one of" + known + ", found " + quote(name));
}

void write_synthetic(const SyntheticShape& shape, const Format& type,
                     const std::filesystem::path& path, uint64_t seed,
                     const std::function<void(int64_t, int64_t)>& on_progress) {
  const std::vector<Tensor> tensors = list_tensors(shape, type);
  GgufMetadata metadata;
  write_config(shape.config, metadata);
  write_vocab(make_vocab(shape), metadata);
  if (type.packing) {
    metadata.set("general.alignment", static_cast<uint32_t>(kPanelAlignment));
  }
  GgufWriter writer(path, std::move(metadata));
  int64_t total = 0;
  for (const Tensor& t : tensors) {
    const int64_t bytes = t.bytes();
    writer.add_tensor(t.name, t.shape, t.format->id, bytes);
    total += bytes;
  }
  writer.begin();
  RandomRows random(seed);
  int64_t done = 0;
  for (const Tensor& t : tensors) {
    const auto fill = [&](int64_t, int64_t count, uint8_t* bytes) { random.fill(t, count, bytes); };
    write_in_chunks(*t.format, t.rows(), t.cols(), fill, [&](std::span<const uint8_t> bytes) {
      writer.write_part(bytes);
      done += static_cast<int64_t>(bytes.size());
      if (on_progress) on_progress(done, total);
    });
  }
  writer.commit();
}

ModelFile synthetic_model(const SyntheticShape& shape, const Format& type, uint64_t seed) {
  ModelFile::Contents model{.name = shape.config.name,
                            .container = "memory",
                            .metadata = {},
                            .tensors = {},
                            .quirks = {},
                            .files = {}};
  write_config(shape.config, model.metadata);
  write_vocab(make_vocab(shape), model.metadata);
  RandomRows random(seed);
  for (const Tensor& t : list_tensors(shape, type)) {
    AlignedBuffer<uint8_t> buffer(t.bytes());
    uint8_t* end = buffer.data();
    const auto fill = [&](int64_t, int64_t count, uint8_t* bytes) { random.fill(t, count, bytes); };
    write_in_chunks(*t.format, t.rows(), t.cols(), fill, [&](std::span<const uint8_t> bytes) {
      end = std::copy(bytes.begin(), bytes.end(), end);
    });
    const FileBytes& bytes = model.files.emplace_back(std::move(buffer));
    model.tensors.push_back(
        {.name = t.name, .shape = t.shape, .format = t.format, .bytes = bytes.span()});
  }
  return ModelFile(std::move(model));
}

}  // namespace onebit
