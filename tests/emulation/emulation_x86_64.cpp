#include <signal.h>
#include <ucontext.h>

#include "emulation/amx.h"
#include "emulation/avx_vnni.h"
#include "emulation/emulation.h"
#include "emulation/vex_instruction.h"

namespace onebit {
namespace {

struct sigaction previous;

void on_illegal_instruction(int signal, siginfo_t* info, void* data) {
  auto& context = *static_cast<ucontext_t*>(data);
  gregset_t& registers = context.uc_mcontext.gregs;
  VexInstruction instruction;
  if (decode(registers, &instruction) &&
      (execute_amx(instruction) || execute_avx_vnni(instruction, context))) {
    registers[REG_RIP] += instruction.length;
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, data);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    sigaction(SIGILL, &previous, nullptr);  // the instruction runs again, and its signal ends us
  }
}

}  // namespace

bool emulate_missing_instructions() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_sigaction = on_illegal_instruction;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    return sigaction(SIGILL, &action, &previous) == 0;
  }();
  return installed;
}

}  // namespace onebit
