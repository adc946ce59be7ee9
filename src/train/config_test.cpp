#include "train/config.h"

#include <gtest/gtest.h>

#include <functional>

namespace onebit {
namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TrainConfig, PresetsAreComplete) {
  for (const auto& name : train_preset_names()) {
    for (const char* mode : {"fp32", "w1.58a8", "w1a8", "w1a1"}) {
      TrainConfig c = train_preset(name);
      set_train_option(c, "mode", mode);
      finish_config(c);
      EXPECT_GT(c.lr, 0);
      EXPECT_EQ(c.model.head_dim * c.model.n_heads, c.model.hidden_size);
      EXPECT_EQ(c.seq_len, c.model.max_seq_len);
    }
  }
  EXPECT_EQ(error_of([] { train_preset("x"); }),
            "preset: expected one of shakespeare-char, books, found 'x'");
}

TEST(TrainConfig, ModeDecidesActivation) {
  TrainConfig c = train_preset("shakespeare-char");
  finish_config(c);
  EXPECT_EQ(c.model.activation, Activation::kRelu2);
  EXPECT_EQ(c.model.act_quant, ActQuant::kInt8);
  c.mode = TrainMode::kW1A1;
  finish_config(c);
  EXPECT_EQ(c.model.activation, Activation::kSignedSquare);
  EXPECT_EQ(c.model.act_quant, ActQuant::kSign);
}

TEST(TrainConfig, SetChecksValues) {
  TrainConfig c;
  set_train_option(c, "lr", "0.002");
  EXPECT_DOUBLE_EQ(c.lr, 0.002);
  set_train_option(c, "n_layers", "3");
  EXPECT_EQ(c.model.n_layers, 3);
  set_train_option(c, "granularity", "group128");
  EXPECT_EQ(c.granularity, Granularity::kGroup128);
  EXPECT_EQ(error_of([&] { set_train_option(c, "lr", "fast"); }),
            "lr: expected a number in 0..1, found 'fast'");
  EXPECT_EQ(error_of([&] { set_train_option(c, "lr", "nan"); }),
            "lr: expected a number in 0..1, found 'nan'");
  EXPECT_EQ(error_of([&] { set_train_option(c, "n_layers", "0"); }),
            "n_layers: expected an integer in 1..1024, found '0'");
  EXPECT_EQ(error_of([&] { set_train_option(c, "n_layers", "3x"); }),
            "n_layers: expected an integer in 1..1024, found '3x'");
  EXPECT_EQ(error_of([&] { set_train_option(c, "mode", "w2"); }),
            "mode: expected one of fp32, w1.58a8, w1a8, w1a1, found 'w2'");
  EXPECT_EQ(error_of([&] { set_train_option(c, "speed", "1"); }),
            "option: expected a known name, found 'speed'");
}

TEST(TrainConfig, FinishRefusesContradictions) {
  const auto refused = [](const char* key, const char* value) {
    TrainConfig c = train_preset("shakespeare-char");
    set_train_option(c, key, value);
    return error_of([&] { finish_config(c); });
  };
  EXPECT_EQ(refused("n_heads", "3"), "hidden_size: expected a multiple of n_heads 3, found 128");
  EXPECT_EQ(refused("seq_len", "65"), "seq_len: expected at most max_seq_len 64, found 65");
  EXPECT_EQ(refused("warmup_steps", "2000"),
            "warmup_steps: expected fewer than steps 2000, found 2000");
}

TEST(TrainConfig, JsonRoundTrip) {
  TrainConfig c = train_preset("books");
  c.model.name = "a \"b\"\\c";
  c.lr = 0.1 + 0.2;
  c.mode = TrainMode::kW1A1;
  c.schedule = ScheduleKind::kCosine;
  const std::string json = to_json(c);
  EXPECT_EQ(to_json(train_config_from_json(json, "test")), json);
  EXPECT_NE(json.find("\"rms_norm_eps\": 1e-05"), std::string::npos);
  EXPECT_EQ(error_of([] { train_config_from_json("[1]", "c.json"); }),
            "c.json: expected a JSON object");
  EXPECT_EQ(error_of([] { train_config_from_json("{\"lr\": 7}", "c.json"); }),
            "c.json: lr: expected a number in 0..1, found '7'");
}

}  // namespace
}  // namespace onebit
