/*
 * abi/artifact.h -- the two files of a compiled module. weirc writes them, the runtime loads them.
 *
 * Both end in a trailer {magic, MAC of the file name and every byte before the trailer}; the
 * program that ran the compiler adds it, and nothing without a right trailer is opened. Numbers are
 * little-endian.
 *
 * Code file: an ELF shared object that has nothing writable and works unrelocated, so that the
 * loader reads only its segments and its entry, which is ABI_CODE_SYMBOL: a struct abi_code. Its
 * sections and symbols are for profilers. It depends on everything of the module except its data
 * and element segments, limits and start function.
 *
 * Module file, in order; codegen/module_file.c writes it, runtime/module_file.c reads it. `text` is
 * u32 length + bytes, `list` is u32 count + items, max UINT64_MAX means none:
 *   u64 ABI_MODULE_MAGIC, u32 ABI_VERSION, key of the code file (DIGEST_BYTES)
 *   digest of the module's bytes (DIGEST_BYTES): the same however it was compiled
 *   types           list of {list of u8 valtype (parameters), list of u8 valtype (results)}
 *   func imports    list of {text module, text field, u32 type, u32 caller}
 *                   caller: the first function that calls it, 0 if none does
 *   table imports   list of {text module, text field, u8 reftype, u64 min, u64 max}
 *   memory imports  list of {text module, text field, u64 min, u64 max, u32 kind}   in pages
 *   global imports  list of {text module, text field, u8 valtype, u8 mutable}
 *   funcs           list of {u32 type, text name}          defined ones; name may be empty
 *   refs            list of u32 function index             those that ref.func names in code,
 *                   ascending; their place is that in the context's array refs
 *   tables          list of {u8 reftype, u64 min, u64 max}
 *   memories        list of {u64 min, u64 max, u32 kind}   kind as in struct abi_memory
 *   globals         list of {u8 valtype, u8 mutable, expr}
 *   exports         list of {text name, u8 kind, u32 index, list of text parameter names}
 *                   kind 0 func 1 table 2 memory 3 global; names for functions that have them
 *   start           u32 function index, or UINT32_MAX
 *   elems           list of {u8 mode, u32 table, expr offset, u8 reftype, list of expr}
 *                   mode 0 active, 1 passive, 2 declarative
 *   data            list of {u8 mode, u32 memory, expr offset, u64 length, bytes}
 *                   mode 0 active, 1 passive, 2 active and already in the image (length 0)
 *   image           u64 file offset, u64 length (multiples of 4096): the first bytes of memory 0 at
 *                   instantiation, when it is the module's own and every active segment has a
 *                   constant offset within it and below ABI_IMAGE_MAX; length 0 otherwise
 *   expr: u8 kind: 0 constant + 16 bytes (union abi_value), 1 global.get + u32, 2 ref.func + u32,
 *                   3 ref.null, 4 u32 count (3 to ABI_EXPR_MAX) + as many terms in postfix order
 *   term: an expr of kind 0 or 1, or u8 5 i32.add, 6 i32.sub, 7 i32.mul, 8 i64.add, 9 i64.sub,
 *                   10 i64.mul: of the two values before it
 */
#pragma once
#include "abi/abi.h"
#include "base/digest.h"

#define ABI_CODE_SYMBOL  "weir_code"
#define ABI_CODE_MAGIC   0x31444f4352494557ull /* "WEIRCOD1" */
#define ABI_MODULE_MAGIC 0x31444f4d52494557ull /* "WEIRMOD1" */

/* Offsets are from the address of this structure. 0: absent. All stubs lie below the first
 * function: a code address below funcs[0] belongs to none. After the header, in this order:
 *   i32 funcs[func_count]      code of defined function i (import indices not counted); ascending
 *   i32 entries[type_count]    entry_fn for functions of this type
 *   i32 host_calls[type_count] stub in guest convention that calls a struct abi_host of it */
struct abi_code {
    u64 magic;
    u32 abi_version;
    u32 func_count, type_count;
    u32 spare;
};

/* Enters guest code from C, on a fiber: calls code(ctx, arguments in values[]) and leaves the
 * results in values[]. values is an array of slots of the caller's own; it may be exec->values.
 * ctx may be a struct abi_host only if parameters and results travel in registers alone. */
typedef void abi_entry_fn(void *code, void *ctx, union abi_value *values);

#define ABI_IMAGE_MAX ((u64)256 << 20)
#define ABI_EXPR_MAX  1000 /* terms of a constant expression */

#define ABI_TRAILER_MAGIC 0x3143414d52494557ull /* "WEIRMAC1" */
struct abi_trailer {
    u64 magic;
    struct digest mac;
};
