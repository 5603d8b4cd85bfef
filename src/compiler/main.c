/*
 * compiler/main.c -- weirc: the WebAssembly compiler of Weir.
 *
 *   weirc --job      one job on descriptor 3, jailed      (started by weir)
 *   weirc --batch    jobs on descriptor 3 until its end
 *   weirc dump ...   a stage of a compile as text
 *   weirc version
 */
#include "codegen/codegen.h"
#include "compiler/compiler.h"
#include "proc/spawn.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "--job") == 0)
        return compiler_serve(PROC_FD_FIRST, false);
    if (strcmp(command, "--batch") == 0)
        return compiler_serve(PROC_FD_FIRST, true);
    if (strcmp(command, "dump") == 0)
        return compiler_dump(argc - 2, argv + 2);
    if (strcmp(command, "version") == 0) {
        printf("weirc %s (LLVM %s)\n", WEIR_VERSION, cg_llvm_version());
        return 0;
    }
    fprintf(stderr, "usage: weirc dump OPTION FILE | weirc version\n");
    return err_code_exit(ERR_USAGE);
}
