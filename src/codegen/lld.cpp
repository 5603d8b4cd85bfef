// codegen/lld.cpp -- what only C++ interfaces offer: lld inside this process, and word of LLVM when
// memory runs out.
#include "lld/Common/Driver.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdio>
#include <new>
#include <string>

LLD_HAS_DRIVER(elf)

// The link-time optimiser inside lld registers the Polly plug-in if it runs. It never does here.
llvm::PassPluginLibraryInfo getPollyPluginInfo()
{
    return {LLVM_PLUGIN_API_VERSION, "none", "", [](llvm::PassBuilder &) {}};
}

extern "C" bool cg_lld_link(const char *const *args, size_t arg_count, char *text, size_t text_len)
{
    std::string words;
    llvm::raw_string_ostream stream(words);
    lld::Result result = lld::lldMain(llvm::ArrayRef<const char *>(args, arg_count), stream, stream,
                                      {{lld::Gnu, &lld::elf::link}});
    snprintf(text, text_len, "%s", words.c_str());
    return result.retCode == 0 && result.canRunAgain;
}

extern "C" void cg_on_out_of_memory(void (*fn)())
{
    std::set_new_handler(fn);
    llvm::install_bad_alloc_error_handler(
        [](void *user, const char *, bool) { reinterpret_cast<void (*)()>(user)(); },
        reinterpret_cast<void *>(fn));
}
