/*
 * compiler/main.c -- weirc: find the command, run it.
 */
#include "codegen/codegen.h"
#include "compiler/compiler.h"
#include "proc/spawn.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *command = argc < 2 ? "help" : argv[1];
    if (strcmp(command, "--job") == 0)
        return compiler_serve(PROC_FD_FIRST, false);
    if (strcmp(command, "--batch") == 0)
        return compiler_serve(PROC_FD_FIRST, true);
    if (strcmp(command, "dump") == 0)
        return compiler_dump(argc - 1, argv + 1);
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0) {
        printf("weirc %s (LLVM %s)\n", WEIR_VERSION, cg_llvm_version());
        return 0;
    }
    bool asked = strcmp(command, "help") == 0 || strcmp(command, "--help") == 0;
    fprintf(asked ? stdout : stderr,
            "weirc %s -- the compiler of weir, which starts it by itself\n\n"
            "usage: weirc dump --sections|--types|--code|--ir|--ir=best|--asm [--cpu NAME] FILE\n"
            "       weirc version\n",
            WEIR_VERSION);
    return asked ? 0 : 2;
}
