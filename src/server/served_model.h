// A loaded model with everything that answers for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/endpoint.h"
#include "chat/chat_template.h"
#include "engine/engine.h"
#include "engine/scheduler.h"
#include "models/model_file.h"

namespace onebit {

struct ModelSource {
  std::function<ModelFile()> open;
  EngineOptions engine;
  SchedulerOptions scheduler;
  std::string name;            // in answers
  std::string chat_template;   // in Jinja; empty: the model's own
  std::string template_where;  // of that, for messages
};

class ServedModel {
 public:
  // Loads it. Throws Error: as ModelFile::open, Engine and ChatTemplate; kInvalidArgument where the
  // keys and values that were asked for do not fit into the memory that is left.
  explicit ServedModel(const ModelSource& source);
  ~ServedModel();
  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  const api::Service& service() const { return service_; }
  Scheduler& scheduler() { return scheduler_; }
  const Scheduler& scheduler() const { return scheduler_; }

  // Its object in /v1/models, as JSON.
  const std::string& card() const { return card_; }
  // What it is, how it is computed and with how much memory: three lines for people.
  const std::string& summary() const { return summary_; }

 private:
  explicit ServedModel(const ModelSource& source, const ModelFile& file);

  Engine engine_;
  const ChatTemplate chat_template_;
  const std::unique_ptr<api::GrammarCache> grammars_;
  Scheduler scheduler_;
  const api::Service service_;
  std::string card_;
  std::string summary_;
};

}  // namespace onebit
