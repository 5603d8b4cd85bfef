/*
 * runtime/trap.c -- why a guest stopped, and where: frames by the chain of frame pointers, which
 * all guest and host functions keep.
 */
#include "base/check.h"
#include "base/text.h"
#include "runtime/internal.h"

#define NAME_PRINT_MAX 200u

static const struct {
    const char *code, *text;
} traps[] = {
#define TRAP(name, code, text) {code, text},
#include "abi/trap.def"
#undef TRAP
};
static_assert(COUNT_OF(traps) == ABI_TRAP_COUNT, "every trap has a row");

/* The module of the fiber's group that runs this code: modules may share a code file. */
static const struct rt_module *module_of(const struct rt_fiber *fiber, const struct rt_code *code)
{
    const struct rt_instance *instance = fiber->instance;
    do {
        if (instance->module->code == code)
            return instance->module;
        instance = instance->group_next;
    } while (instance != fiber->instance);
    return NULL;
}

/* Adds the guest function around pc; host code and stubs are left out. called: pc is a return
 * address, so the call before it is meant. */
static void add_frame(struct rt_fiber *fiber, u64 pc, bool called)
{
    struct rt_trap *trap = &fiber->trap;
    u64 look = pc - (called ? 1 : 0);
    const struct rt_code *code = rt_code_find(fiber->engine, look);
    u32 defined;
    u64 offset;
    if (code == NULL || !rt_code_func_at(code, look, &defined, &offset))
        return;
    const struct rt_module *module = module_of(fiber, code);
    if (module == NULL)
        return;
    if (trap->frame_count == RT_FRAMES_MAX) {
        trap->frames_omitted++;
        return;
    }
    trap->frames[trap->frame_count++] = (struct rt_frame){
        .module = module,
        .func = rt_import_count(module, RT_EXTERN_FUNC) + defined,
        .name = module->file.funcs[defined].name,
        .offset = offset + (called ? 1 : 0),
    };
}

/* The word at addr, if it lies on the fiber's stack. */
static bool read_stack(const struct rt_fiber *fiber, u64 addr, u64 *out)
{
    if (addr % sizeof(u64) != 0 || addr < fiber->stack_low || addr > fiber->stack_top - sizeof(u64))
        return false;
    *out = *(const u64 *)(uintptr_t)addr;
    return true;
}

/* Follows the chain from a frame pointer; it must rise, so the walk ends. */
static void add_callers(struct rt_fiber *fiber, u64 fp)
{
    u64 next, pc;
    while (read_stack(fiber, fp, &next) && read_stack(fiber, fp + sizeof(u64), &pc)) {
        add_frame(fiber, pc, true);
        if (next <= fp)
            return;
        fp = next;
    }
}

static bool at_function_start(const struct rt_fiber *fiber, u64 pc)
{
    const struct rt_code *code = rt_code_find(fiber->engine, pc);
    u32 defined;
    u64 offset;
    return code != NULL && rt_code_func_at(code, pc, &defined, &offset) && offset == 0;
}

/* From the registers a handler kept: by a fault or a tick, at any instruction. */
static void walk_from_registers(struct rt_fiber *fiber)
{
    u64 pc = fiber->regs[RT_REG_RIP], caller;
    add_frame(fiber, pc, false);
    if (at_function_start(fiber, pc) && read_stack(fiber, fiber->regs[RT_REG_RSP], &caller))
        add_frame(fiber, caller, true); /* its frame is not linked yet */
    add_callers(fiber, fiber->regs[RT_REG_RBP]);
}

static void set_message(struct rt_fiber *fiber, enum abi_trap kind)
{
    struct rt_trap *trap = &fiber->trap;
    CHECK(kind > ABI_TRAP_NONE && kind < ABI_TRAP_COUNT);
    *trap = (struct rt_trap){.kind = kind,
                             .code = traps[kind].code,
                             .message = traps[kind].text,
                             .fault_addr = UINT64_MAX};
    if (kind == ABI_TRAP_HOST && fiber->host_message != NULL)
        trap->message = fiber->host_message;
    const struct rt_instance *instance = fiber->instance;
    do {
        for (u32 i = 0; fiber->faulted && i < instance->module->file.memory_count; i++) {
            u64 base = (u64)(uintptr_t)instance->memories[i].abi.base;
            if (fiber->fault_addr >= base &&
                fiber->fault_addr - base < RT_RESERVED_BYTES - ABI_GUARD_BEFORE)
                trap->fault_addr = fiber->fault_addr - base;
        }
        instance = instance->group_next;
    } while (instance != fiber->instance);
}

void rt_trap_record(struct rt_fiber *fiber, enum abi_trap kind)
{
    u64 pc;
    set_message(fiber, kind);
    if (fiber->faulted || fiber->state == RT_FIBER_REDIRECTED) {
        walk_from_registers(fiber);
    } else if (fiber->state == RT_FIBER_RUNNING) { /* left by rt_builtin_trap */
        if (read_stack(fiber, fiber->exec.guest_sp, &pc))
            add_frame(fiber, pc, true);
        add_callers(fiber, fiber->exec.guest_fp);
    } else if (fiber->state == RT_FIBER_SUSPENDED) { /* pushed by rt_switch_out */
        u64 fp;
        if (read_stack(fiber, fiber->sp + 5 * sizeof(u64), &fp))
            add_callers(fiber, fp);
    }
}

void rt_frame_print(const struct rt_frame *frame, struct buf *out)
{
    if (frame->name.len == 0) {
        buf_add_format(out, "func[%u]", frame->func);
        return;
    }
    size_t from = out->len;
    buf_add(out, frame->name.bytes, min_u64(frame->name.len, NAME_PRINT_MAX));
    text_make_plain(out->bytes + from, out->len - from);
    if (frame->name.len > NAME_PRINT_MAX)
        buf_add_text(out, "...");
}

void rt_trap_print(const struct rt_trap *trap, struct buf *out)
{
    buf_add_text(out, trap->message);
    if (trap->fault_addr != UINT64_MAX)
        buf_add_format(out, " at address 0x%llx", (unsigned long long)trap->fault_addr);
    buf_add_byte(out, '\n');
    for (u32 i = 0; i < trap->frame_count; i++) {
        buf_add_text(out, "  at ");
        rt_frame_print(&trap->frames[i], out);
        if (trap->frames[i].name.len > 0)
            buf_add_format(out, " (func %u)", trap->frames[i].func);
        buf_add_byte(out, '\n');
    }
    if (trap->frames_omitted > 0)
        buf_add_format(out, "  and %u more\n", trap->frames_omitted);
}
