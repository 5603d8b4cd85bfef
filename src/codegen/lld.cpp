// codegen/lld.cpp -- lld inside this process: the one thing its C++ interface is needed for.
#include "lld/Common/Driver.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdio>
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
