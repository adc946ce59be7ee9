// The tables. A member that OpenAI's reference has and that is in none of them changes nothing in
// an answer (user, metadata, service_tier, ...) and is not looked at.
#include "api/schema.h"
#include "engine/request.h"
#include "grammar/gbnf.h"

namespace onebit::api {
namespace {

using enum FieldType;

constexpr double kMostGbnf = static_cast<double>(kMaxGbnfBytes);

constexpr Field kGeneration[] = {
    {"model", kString, 0, 256, "", "", "Any name; the server has one model."},
    {"temperature", kNumber, 0, 2, "", "0.8", "0: always the likeliest token."},
    {"top_p", kNumber, 0, 1, "", "0.95",
     "The likeliest tokens that together have this probability."},
    {"top_k", kInteger, 0, kNoLimit, "", "40", "The so many likeliest tokens; 0: all."},
    {"min_p", kNumber, 0, 1, "", "0", "Tokens with this part of the likeliest one's probability."},
    {"repetition_penalty", kNumber, 0.01, 100, "", "1",
     "Above 1: of the last 64 tokens each becomes less likely."},
    {"presence_penalty", kNumber, -2, 2, "", "0",
     "Subtracted from the logit of tokens that were written."},
    {"frequency_penalty", kNumber, -2, 2, "", "0", "The same, for each time that they were."},
    {"logit_bias", kObject, 0, 1024, "", "",
     "Token ids as strings to numbers in [-100, 100], which are added to their logits."},
    {"seed", kInteger, -kNoLimit, kNoLimit, "", "",
     "Equal seeds give equal answers; absent: a random one."},
    {"stop", kMixed, 0, 16, "a string or a list of at most 16, each of 1 to 256 bytes", "",
     "Texts that end the answer and are not in it."},
    {"stream", kBool, 0, 0, "", "false", "Send the answer as events while it is written."},
};

constexpr Field kChat[] = {
    {"messages", kList, 1, kNoLimit, "", "",
     "The conversation: `role` (system, developer, user, assistant, tool) and `content`, a string "
     "or a list of text parts; `tool_calls` of an assistant, `tool_call_id` of a tool.",
     true},
    {"max_completion_tokens", kInteger, 1, kNoLimit, "", "",
     "The most tokens of the answer; absent: as many as the context has room for."},
    {"max_tokens", kInteger, 1, kNoLimit, "", "", "The older name of `max_completion_tokens`."},
    {"n", kInteger, 1, 8, "", "1", "How many answers."},
    {"stream_options", kObject, 0, 16, "", "", ""},
    {"stream_options.include_usage", kBool, 0, 0, "", "false",
     "One more event, with the counts of tokens."},
    {"logprobs", kBool, 0, 0, "", "false", "The log probability of each token."},
    {"top_logprobs", kInteger, 0, Request::kMostTopLogprobs, "", "0",
     "With `logprobs`: also those of so many likeliest tokens at each place."},
    {"response_format", kObject, 0, 16, "", "", "What form the answer has."},
    {"response_format.type", kChoice, 0, 0, "text|json_object|json_schema", "\"text\"", ""},
    {"response_format.json_schema", kObject, 0, 16, "", "",
     "With type json_schema: `schema`, and a `name`. Always strict."},
    {"response_format.json_schema.name", kString, 0, 256, "", "", ""},
    {"response_format.json_schema.schema", kObject, 0, kNoLimit, "", "", "See grammar.md."},
    {"grammar", kString, 1, kMostGbnf, "", "",
     "A GBNF grammar that the answer is a text of (see grammar.md). Not OpenAI's."},
    {"tools", kList, 0, 128, "", "",
     "Functions that the model may call: `type` \"function\" and `function` {`name`, "
     "`description`, `parameters`, of type object}. Calls that `tool_choice` forces are always "
     "strict; one that the model makes of its own accord has the arguments that it wrote. For "
     "models whose chat template has tools."},
    {"tool_choice", kMixed, 0, 0,
     "'none', 'auto', 'required' or {\"type\": \"function\", \"function\": {\"name\"}}", "\"auto\"",
     "With required, or a function's name, the answer is one call, with arguments valid under "
     "`parameters`; `stop` does not end it."},
    {"parallel_tool_calls", kBool, 0, 0, "", "true", "False: the first call ends the answer."},
    {"chat_template_kwargs", kOnly},
    {"functions", kOnly, 0, 0, "[]"},
    {"function_call", kOnly, 0, 0, "\"none\""},
    {"modalities", kOnly, 0, 0, "[\"text\"]"},
    {"audio", kOnly},
    {"reasoning_effort", kOnly, 0, 0, "\"none\""},
    {"verbosity", kOnly, 0, 0, "\"medium\""},
    {"web_search_options", kOnly},
};

constexpr Field kCompletion[] = {
    {"prompt", kMixed, 0, 16,
     "a string, a list of 1 to 16 strings, a list of token ids or a list of 1 to 16 such lists", "",
     "What the model continues.", true},
    {"max_tokens", kInteger, 1, kNoLimit, "", "16", "The most tokens of the answer."},
    {"n", kInteger, 1, 8, "", "1", "How many answers to each prompt."},
    {"stream_options", kObject, 0, 16, "", "", ""},
    {"stream_options.include_usage", kBool, 0, 0, "", "false",
     "One more event, with the counts of tokens."},
    {"logprobs", kInteger, 0, Request::kMostTopLogprobs, "", "",
     "The log probability of each token, and of so many likeliest ones."},
    {"response_format", kObject, 0, 16, "", "", "As in chat completions. Not OpenAI's."},
    {"response_format.type", kChoice, 0, 0, "text|json_object|json_schema", "\"text\"", ""},
    {"response_format.json_schema", kObject, 0, 16, "", "", ""},
    {"response_format.json_schema.schema", kObject, 0, kNoLimit, "", "", "See grammar.md."},
    {"grammar", kString, 1, kMostGbnf, "", "", "As in chat completions. Not OpenAI's."},
    {"best_of", kOnly, 0, 0, "1"},
    {"echo", kOnly, 0, 0, "false"},
    {"suffix", kOnly, 0, 0, "\"\""},
};

constexpr Field kResponses[] = {
    {"input", kMixed, 0, kNoLimit, "a string or a list of messages", "",
     "Messages have a `role` and `content`: a string or parts of type input_text and output_text.",
     true},
    {"instructions", kString, 0, kNoLimit, "", "", "A system message in front."},
    {"max_output_tokens", kInteger, 1, kNoLimit, "", "",
     "The most tokens of the answer; absent: as many as the context has room for."},
    {"text", kObject, 0, 16, "", "", ""},
    {"text.format", kObject, 0, 16, "", "", "What form the answer has."},
    {"text.format.type", kChoice, 0, 0, "text|json_object|json_schema", "\"text\"", ""},
    {"text.format.name", kString, 0, 256, "", "", ""},
    {"text.format.schema", kObject, 0, kNoLimit, "", "", "With type json_schema. See grammar.md."},
    {"text.verbosity", kOnly, 0, 0, "\"medium\""},
    {"metadata", kObject, 0, 16, "", "",
     "Comes back in the answer: strings of at most 512 characters, with names of at most 64."},
    {"parallel_tool_calls", kBool, 0, 0, "", "true", "Comes back: there are no tools."},
    {"store", kBool, 0, 0, "", "false", "Accepted; nothing is ever stored."},
    {"background", kOnly, 0, 0, "false"},
    {"conversation", kOnly},
    {"include", kOnly, 0, 0, "[]"},
    {"previous_response_id", kOnly},
    {"prompt", kOnly},
    {"reasoning", kOnly, 0, 0, "{}"},
    {"tool_choice", kOnly, 0, 0, "\"none\"|\"auto\""},
    {"tools", kOnly, 0, 0, "[]"},
    {"top_logprobs", kOnly, 0, 0, "0"},
    {"truncation", kOnly, 0, 0, "\"disabled\""},
};

constexpr Field kEmbeddings[] = {
    {"input", kMixed, 0, 128,
     "a string, a list of 1 to 128 strings, a list of token ids or a list of 1 to 128 such lists",
     "", "The texts.", true},
    {"model", kString, 0, 256, "", "", "Any name; the server has one model."},
    {"encoding_format", kChoice, 0, 0, "float|base64", "\"float\"",
     "base64: of the floats, 32 bits, little endian."},
    {"dimensions", kInteger, 1, kNoLimit, "", "", "Only what the model has."},
    {"pooling", kChoice, 0, 0, "last|mean", "",
     "What stands for the text: the last token or the mean; absent: the model's. Not OpenAI's."},
};

constexpr Field kTokenize[] = {
    {"content", kString, 0, 1 << 20, "", "", "The text.", true},
    {"add_special", kBool, 0, 0, "", "false", "With the tokens that begin and end a text."},
};

constexpr Field kDetokenize[] = {
    {"tokens", kList, 0, 131072, "", "", "Token ids.", true},
};

constexpr Schema kSchemas[] = {
    {"/v1/chat/completions", kChat, kGeneration},
    {"/v1/completions", kCompletion, kGeneration},
    {"/v1/responses", kResponses, kGeneration},
    {"/v1/embeddings", kEmbeddings, {}},
    {"/tokenize", kTokenize, {}},
    {"/detokenize", kDetokenize, {}},
};

}  // namespace

std::span<const Field> generation_fields() {
  return kGeneration;
}

std::span<const Schema> schemas() {
  return kSchemas;
}

}  // namespace onebit::api
