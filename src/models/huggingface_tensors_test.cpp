// Tensors of a Hugging Face folder: their names, what is done with them, what is refused.
#include "models/huggingface_tensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/huggingface_sample.h"

namespace onebit {
namespace {

using namespace testing;

struct Read {
  HuggingfaceConfig config;
  ModelFile model;

  const ModelTensor& operator[](const std::string& name) const {
    const ModelTensor* t = model.find(name);
    if (t == nullptr) throw std::out_of_range(name);
    return *t;
  }
  std::string quirks() const {
    std::string text;
    for (const std::string& quirk : model.quirks()) text += quirk + "\n";
    return text;
  }
};

Read read(const JsonFields& changes, const std::vector<SampleTensor>& tensors) {
  const SampleFolder folder(to_json(with(llama_fields(), changes)), tensors);
  HuggingfaceConfig config = read_huggingface_config(folder.path());
  ModelFile::Contents contents;
  add_tensors(SafetensorsFolder::open(folder.path()), config, contents);
  return {config, ModelFile(std::move(contents))};
}

std::string refusal(const JsonFields& changes, const std::vector<SampleTensor>& tensors) {
  const std::string message = refusal_of([&] { read(changes, tensors); });
  EXPECT_EQ(message.find('\n'), std::string::npos);
  return message;
}

const JsonFields kBitLinear = {{"quantization_config", R"({"quant_method": "bitnet"})"}};
const JsonFields kAutoBitLinear = {
    {"quantization_config", R"({"quant_method": "bitnet", "linear_class": "autobitlinear"})"}};

std::vector<SampleTensor> edited(std::vector<SampleTensor> tensors, const std::string& name,
                                 const std::function<void(SampleTensor&)>& edit) {
  const auto found = std::ranges::find(tensors, name, &SampleTensor::name);
  if (found == tensors.end()) throw std::out_of_range(name);
  edit(*found);
  return tensors;
}

std::vector<SampleTensor> plus(std::vector<SampleTensor> tensors, SampleTensor tensor) {
  tensors.push_back(std::move(tensor));
  return tensors;
}

float one(int64_t) {
  return 1;
}

std::vector<float> values(const ModelTensor& t) {
  std::vector<float> out(static_cast<std::size_t>(t.cols()));
  t.format->to_float(t.bytes.data(), t.rows(), t.cols(), 0, out.data());
  return out;
}

TEST(HuggingfaceNames, AreMapped) {
  const auto config_of = [](const std::string& name) {
    const SampleFolder folder(to_json(with(
        llama_fields(), {{"architectures", "[\"" + name + "\"]"}, {"num_hidden_layers", "12"}})));
    return read_huggingface_config(folder.path());
  };
  struct Case {
    const char* class_name;
    const char* huggingface;
    const char* gguf;  // "": not used
  };
  const Case cases[] = {
      {"LlamaForCausalLM", "model.embed_tokens.weight", "token_embd.weight"},
      {"LlamaForCausalLM", "lm_head.weight", "output.weight"},
      {"LlamaForCausalLM", "model.norm.weight", "output_norm.weight"},
      {"LlamaForCausalLM", "model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight"},
      {"LlamaForCausalLM", "model.layers.11.self_attn.q_proj.weight", "blk.11.attn_q.weight"},
      {"LlamaForCausalLM", "model.layers.3.self_attn.k_proj.weight", "blk.3.attn_k.weight"},
      {"LlamaForCausalLM", "model.layers.3.self_attn.v_proj.weight", "blk.3.attn_v.weight"},
      {"LlamaForCausalLM", "model.layers.3.self_attn.o_proj.weight", "blk.3.attn_output.weight"},
      {"LlamaForCausalLM", "model.layers.3.mlp.gate_proj.weight", "blk.3.ffn_gate.weight"},
      {"LlamaForCausalLM", "model.layers.3.mlp.up_proj.weight_scale", "blk.3.ffn_up.weight"},
      {"LlamaForCausalLM", "model.layers.3.mlp.down_proj.weight", "blk.3.ffn_down.weight"},
      {"LlamaForCausalLM", "model.layers.3.post_attention_layernorm.weight",
       "blk.3.ffn_norm.weight"},
      {"LlamaForCausalLM", "model.layers.12.mlp.down_proj.weight", ""},
      {"LlamaForCausalLM", "model.layers.03.mlp.down_proj.weight", ""},
      {"LlamaForCausalLM", "model.layers.-1.mlp.down_proj.weight", ""},
      {"LlamaForCausalLM", "model.layers.99999999999999999999.mlp.down_proj.weight", ""},
      {"LlamaForCausalLM", "model.layers..mlp.down_proj.weight", ""},
      {"LlamaForCausalLM", "model.layers.3.mlp.down_proj.weights", ""},
      {"LlamaForCausalLM", "model.layers.3.mlp.down_proj.rms_norm.weight", ""},
      {"LlamaForCausalLM", "model.layers.3.self_attn.rotary_emb.inv_freq", ""},
      {"LlamaForCausalLM", "model.layers.3.self_attn.q_norm.weight", ""},
      {"LlamaForCausalLM", "model.layers.3.self_attn.attn_sub_norm.weight", ""},
      {"LlamaForCausalLM", "", ""},
      {"BitNetForCausalLM", "model.layers.1.self_attn.attn_sub_norm.weight",
       "blk.1.attn_sub_norm.weight"},
      {"BitNetForCausalLM", "model.layers.1.mlp.ffn_sub_norm.weight", "blk.1.ffn_sub_norm.weight"},
      {"BitnetForCausalLM", "model.layers.1.self_attn.inner_attn_ln.weight",
       "blk.1.attn_sub_norm.weight"},
      {"BitnetForCausalLM", "model.layers.1.mlp.ffn_layernorm.weight", "blk.1.ffn_sub_norm.weight"},
      {"Qwen3ForCausalLM", "model.layers.1.self_attn.q_norm.weight", "blk.1.attn_q_norm.weight"},
      {"Qwen3Model", "layers.1.self_attn.k_norm.weight", "blk.1.attn_k_norm.weight"},
      {"Qwen3Model", "embed_tokens.weight", "token_embd.weight"},
      {"Qwen3Model", "norm.weight", "output_norm.weight"},
      {"Qwen3Model", "lm_head.weight", ""},
      {"Qwen3Model", "layers.1.self_attn.q_proj.norm.weight", "blk.1.attn_q_norm_in.weight"},
      {"Qwen3Model", "layers.1.mlp.down_proj.norm.weight", "blk.1.ffn_down_norm_in.weight"},
      {"Gemma3TextModel", "layers.1.post_attention_layernorm.weight",
       "blk.1.post_attention_norm.weight"},
      {"Gemma3TextModel", "layers.1.pre_feedforward_layernorm.weight", "blk.1.ffn_norm.weight"},
      {"Gemma3TextModel", "layers.1.post_feedforward_layernorm.weight",
       "blk.1.post_ffw_norm.weight"},
      {"Gemma3TextModel", "layers.1.self_attn.q_norm.weight", "blk.1.attn_q_norm.weight"},
  };
  for (const Case& c : cases) {
    const auto mapped = map_tensor_name(c.huggingface, config_of(c.class_name));
    EXPECT_EQ(mapped ? mapped->gguf : "", c.gguf) << c.class_name << ' ' << c.huggingface;
  }
}

TEST(HuggingfaceTensors, FloatsStayAsStored) {
  const Read m = read({}, llama_tensors());
  EXPECT_EQ(m.model.tensors().size(), 12u);
  EXPECT_EQ(m.quirks(), "");
  EXPECT_FALSE(m.config.model.tie_embeddings);
  for (const ModelTensor& t : m.model.tensors()) {
    EXPECT_EQ(t.at_load, AtLoad::kAsStored) << t.name;
    EXPECT_EQ(t.scale, 1) << t.name;
    EXPECT_EQ(t.interleaved_heads, 0) << t.name;
    EXPECT_STREQ(t.format->name, "BF16");
    EXPECT_NE(m.model.owner(t.bytes), nullptr);
    EXPECT_EQ(static_cast<int64_t>(t.bytes.size()), t.format->bytes(t.rows(), t.cols()));
  }
  EXPECT_EQ(m["blk.0.ffn_down.weight"].shape, (std::vector<int64_t>{256, 128}));
  EXPECT_EQ(values(m["blk.0.attn_norm.weight"])[1], 1.25f);
}

TEST(HuggingfaceTensors, ScalesDivideOrMultiply) {
  const Read divided = read(kBitLinear, packed_tensors(4));
  EXPECT_EQ(divided.quirks(), "");
  const ModelTensor& gate = divided["blk.0.ffn_gate.weight"];
  EXPECT_STREQ(gate.format->name, "HF_U8");
  EXPECT_EQ(gate.shape, (std::vector<int64_t>{128, 256}));
  EXPECT_EQ(gate.scale, 0.25f);
  EXPECT_EQ(divided["token_embd.weight"].scale, 1);
  EXPECT_EQ(divided["token_embd.weight"].at_load, AtLoad::kAsStored);

  const Read multiplied = read(kAutoBitLinear, packed_tensors(0.5f));
  EXPECT_EQ(multiplied.quirks(), "");
  EXPECT_EQ(multiplied["blk.0.ffn_gate.weight"].scale, 0.5f);

  EXPECT_EQ(read(kBitLinear, packed_tensors(0.5f)).quirks(),
            "'model.layers.0.self_attn.q_proj.weight_scale' (one of 7) is 0.500000, unusual for a "
            "scale that divides, as quantization_config.linear_class says it does\n");
  EXPECT_NE(read(kAutoBitLinear, packed_tensors(40)).quirks().find("unusual for a scale that mult"),
            std::string::npos);
}

TEST(HuggingfaceTensors, MastersAreRoundedAtLoad) {
  const JsonFields online = {{"quantization_config",
                              R"({"quant_method": "bitnet", "linear_class": "autobitlinear",
          "quantization_mode": "online", "modules_to_not_convert": ["layers.0.mlp.down_proj"]})"}};
  const Read m = read(online, llama_tensors());
  EXPECT_EQ(m["blk.0.attn_q.weight"].at_load, AtLoad::kTernary);
  EXPECT_EQ(m["blk.0.ffn_down.weight"].at_load, AtLoad::kAsStored);
  EXPECT_EQ(m["token_embd.weight"].at_load, AtLoad::kAsStored);
  EXPECT_EQ(m["output.weight"].at_load, AtLoad::kAsStored);
}

TEST(HuggingfaceTensors, NormsOfProjections) {
  const auto norms = [](const std::string& name) {
    auto tensors = llama_tensors();
    for (const char* p : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                          "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}) {
      const int64_t cols = std::string(p) == "mlp.down_proj" ? 256 : 128;
      tensors.push_back(floats("model.layers.0." + std::string(p) + name, {cols}, one));
    }
    return tensors;
  };
  // BitNet-embedding: says nothing in config.json.
  const Read embedding = read({}, norms(".norm.weight"));
  EXPECT_TRUE(embedding.config.model.projection_norms);
  EXPECT_EQ(embedding.config.model.pooling, Pooling::kLast);
  EXPECT_EQ(embedding["blk.0.attn_q.weight"].at_load, AtLoad::kTernary);
  EXPECT_EQ(embedding["blk.0.ffn_down_norm_in.weight"].shape, std::vector<int64_t>{256});
  EXPECT_EQ(embedding["token_embd.weight"].at_load, AtLoad::kAsStored);

  const JsonFields use_rms_norm = {{"quantization_config",
                                    R"({"quant_method": "bitnet", "linear_class": "autobitlinear",
                                        "quantization_mode": "online", "use_rms_norm": true})"}};
  const Read bit_linear = read(use_rms_norm, norms(".rms_norm.weight"));
  EXPECT_EQ(bit_linear.config.model.pooling, Pooling::kNone);
  EXPECT_NE(bit_linear.model.find("blk.0.attn_v_norm_in.weight"), nullptr);
  EXPECT_NE(refusal(use_rms_norm, llama_tensors()).find("as use_rms_norm is true"),
            std::string::npos);
}

TEST(HuggingfaceTensors, GemmaNormsGetTheirOne) {
  const JsonFields gemma = {{"architectures", R"(["Gemma3ForCausalLM"])"},
                            {"head_dim", "32"},
                            {"tie_word_embeddings", "true"}};
  const Read m = read(
      gemma, plus(llama_tensors(), floats("model.layers.0.mlp.up_proj.norm.weight", {128}, one)));
  const ModelTensor& norm = m["blk.0.attn_norm.weight"];
  EXPECT_STREQ(norm.format->name, "F32");
  EXPECT_EQ(values(norm)[1], 2.25f);
  EXPECT_EQ(values(m["output_norm.weight"])[0], 2.0f);
  EXPECT_EQ(values(m["blk.0.post_attention_norm.weight"])[0], 2.0f);
  EXPECT_EQ(values(m["blk.0.ffn_up_norm_in.weight"])[0], 1.0f);  // not Gemma's
  EXPECT_NE(m.model.owner(norm.bytes), nullptr);
}

TEST(HuggingfaceTensors, TiedHeads) {
  const Read tied = read({{"tie_word_embeddings", "true"}}, llama_tensors());
  EXPECT_EQ(tied.model.find("output.weight"), nullptr);
  EXPECT_TRUE(tied.config.model.tie_embeddings);
  EXPECT_NE(tied.quirks().find("'lm_head.weight' is not used"), std::string::npos);
  auto headless = llama_tensors();
  headless.pop_back();
  EXPECT_EQ(refusal({}, headless),
            "tensor 'lm_head.weight': expected a matrix, as tie_word_embeddings is false, "
            "found no such tensor");
  EXPECT_TRUE(read({{"tie_word_embeddings", ""}}, headless).config.model.tie_embeddings);
  EXPECT_FALSE(read({{"tie_word_embeddings", ""}}, llama_tensors()).config.model.tie_embeddings);
}

// A checkpoint that was 1-bit before it was written out as floats.
TEST(HuggingfaceTensors, GroupsOf128AreFound) {
  auto tensors = llama_tensors();
  for (SampleTensor& t : tensors) {
    const bool is_matrix = t.shape.size() == 2;
    if (!is_matrix) continue;
    t = floats(t.name, t.shape, [](int64_t i) {
      return static_cast<float>(i % 3 - 1) / static_cast<float>(1 << (i / 128 % 5));
    });
  }
  const Read m = read({}, tensors);
  EXPECT_EQ(m["blk.0.attn_q.weight"].at_load, AtLoad::kGroups128);
  EXPECT_EQ(m["token_embd.weight"].at_load, AtLoad::kGroups128);
  EXPECT_EQ(m["output.weight"].at_load, AtLoad::kGroups128);
  EXPECT_EQ(m["output_norm.weight"].at_load, AtLoad::kAsStored);
  EXPECT_EQ(m.config.model.act_quant, ActQuant::kInt8Group);
  EXPECT_NE(m.quirks().find("groups of 128"), std::string::npos);

  // One value of another magnitude in the last row of one projection: then all are plain floats.
  const auto almost = edited(tensors, "model.layers.0.mlp.up_proj.weight",
                             [](SampleTensor& t) { t.bytes[t.bytes.size() - 1] = 0x41; });
  EXPECT_EQ(read({}, almost)["blk.0.attn_q.weight"].at_load, AtLoad::kAsStored);
  // An embedding of floats does not keep the rest from being 1-bit.
  const auto table = edited(tensors, "model.embed_tokens.weight", [](SampleTensor& t) {
    t = floats(t.name, t.shape, [](int64_t i) { return static_cast<float>(i); });
  });
  EXPECT_EQ(read({}, table)["token_embd.weight"].at_load, AtLoad::kAsStored);
  EXPECT_EQ(read({}, table)["output.weight"].at_load, AtLoad::kGroups128);
}

TEST(HuggingfaceTensors, RopeDivisorsBecomeATensor) {
  const Read m = read({{"rope_scaling", R"({"factor": 8.0, "high_freq_factor": 4.0,
      "low_freq_factor": 1.0, "original_max_position_embeddings": 64, "rope_type": "llama3"})"}},
                      llama_tensors());
  const ModelTensor& divisors = m["rope_freqs.weight"];
  EXPECT_EQ(divisors.shape, std::vector<int64_t>{16});
  EXPECT_EQ(values(divisors), m.config.rope_divisors);
  EXPECT_EQ(values(divisors)[15], 8.0f);
}

TEST(HuggingfaceTensors, UnknownTensorsAreCounted) {
  auto tensors = plus(llama_tensors(), floats("model.layers.1.input_layernorm.weight", {128}, one));
  tensors.push_back(floats("visual.patch", {2, 3, 4}, one));
  EXPECT_EQ(read({}, tensors).quirks(),
            "2 tensors are not used, the first is 'model.layers.1.input_layernorm.weight'\n");
}

TEST(HuggingfaceTensors, NamesWhatIsWrong) {
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  const std::string in = "model.safetensors: tensor '" + q;
  const auto check = [](const std::string& found, const std::string& expected) {
    EXPECT_EQ(found, expected);
  };
  check(refusal({}, packed_tensors(4)),
        in + "': expected floats, as quantization_config does not say that it is packed, found U8");
  check(refusal(kBitLinear, llama_tensors()),
        in + "': expected U8, as quantization_config says that it is packed, found BF16");
  check(refusal({}, edited(llama_tensors(), q,
                           [](auto& t) {
                             t.shape = {64, 2, 128};
                           })),
        in + "': expected 2 dimensions above 0, found shape [64, 2, 128]");
  check(refusal({}, edited(llama_tensors(), q,
                           [](auto& t) {
                             t.shape = {0, 128};
                             t.bytes.clear();
                           })),
        in + "': expected 2 dimensions above 0, found shape [0, 128]");
  check(refusal({}, edited(llama_tensors(), q,
                           [](auto& t) {
                             t.dtype = SafetensorsDtype::kU32;
                             t.shape = {128, 64};
                           })),
        in + "': expected F32, F16 or BF16, found U32");
  check(refusal({}, edited(llama_tensors(), "model.norm.weight",
                           [](auto& t) {
                             t.shape = {1, 128};
                           })),
        "model.safetensors: tensor 'model.norm.weight': expected 1 dimension above 0, found shape "
        "[1, 128]");
  check(refusal({},
                plus(llama_tensors(), floats("model.layers.0.self_attn.q_proj.bias", {128}, one))),
        "model.safetensors: tensor 'model.layers.0.self_attn.q_proj.bias': expected no biases, "
        "found one");
  check(refusal({}, plus(llama_tensors(), floats("norm.weight", {128}, one))),
        ": tensor 'output_norm.weight': expected once, found twice");

  const std::string scale = q + "_scale";
  const auto with_scale = [&](float value) {
    return edited(packed_tensors(4), scale,
                  [&](auto& t) { t = floats(scale, {1}, [&](int64_t) { return value; }); });
  };
  for (const float bad : {0.0f, -1.0f, INFINITY, NAN}) {
    EXPECT_TRUE(refusal(kBitLinear, with_scale(bad))
                    .starts_with(in + "_scale': expected a finite number above 0, found "));
  }
  check(refusal(kBitLinear,
                edited(packed_tensors(4), scale, [&](auto& t) { t = floats(scale, {2}, one); })),
        in + "_scale': expected one F32, F16 or BF16 number, found BF16 [2]");
  auto unscaled = packed_tensors(4);
  std::erase_if(unscaled, [&](const SampleTensor& t) { return t.name == scale; });
  check(refusal(kBitLinear, unscaled),
        "tensor 'blk.0.attn_q.weight': expected its weight_scale, as it is packed, found none");
}

}  // namespace
}  // namespace onebit
