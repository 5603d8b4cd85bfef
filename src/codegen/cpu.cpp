// codegen/cpu.cpp -- is there a processor of this name? LLVM's C interface takes any and warns
// later.
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Triple.h"
#include <memory>
#include <string>

extern "C" bool cg_cpu_is_known(const char *triple, const char *cpu)
{
    std::string why;
    llvm::Triple target_triple(triple);
    const llvm::Target *target = llvm::TargetRegistry::lookupTarget(target_triple, why);
    if (target == nullptr)
        return false;
    std::unique_ptr<llvm::MCSubtargetInfo> info(
        target->createMCSubtargetInfo(target_triple, "", ""));
    return info != nullptr && info->isCPUStringValid(cpu);
}
