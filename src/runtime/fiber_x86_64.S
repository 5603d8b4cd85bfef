/*
 * runtime/fiber_x86_64.S -- the few instructions no C can say: leaving one stack for another.
 *
 * Three ways off a fiber, one frame layout on the host side (six pushed registers and a return
 * address at host_sp), so all of them end in the same pops:
 *   rt_switch_out      called by host code on the fiber: suspension, the end of the call
 *   rt_builtin_trap    called by guest code, perhaps with no stack left: never comes back
 *   rt_redirect_*      where the signal handlers send a guest: on the host stack already, with the
 *                      fiber in rdi and the guest's vector registers still in place
 * Offsets: RT_FIBER_FIELDS and enum rt_reg in runtime/internal.h.
 */
#define EXEC_GUEST_SP 16
#define EXEC_GUEST_FP 24
#define FIBER_HOST_SP 40
#define FIBER_SP      48
#define FIBER_TRAP    56
#define FIBER_SAVE    64
#define FIBER_MASK    72
#define FIBER_REGS    88
#define REG(number)   (FIBER_REGS + 8 * (number))
#define MASK_AVX      4

.macro function name
    .globl \name
    .hidden \name
    .type \name, @function
    .p2align 4
\name:
.endm

.macro push_kept
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

.macro pop_kept
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
.endm

    .text

/* void rt_switch_in(struct rt_fiber *fiber) */
function rt_switch_in
    push_kept
    movq %rsp, FIBER_HOST_SP(%rdi)
    movq FIBER_SP(%rdi), %rsp
    pop_kept
    ret
    .size rt_switch_in, . - rt_switch_in

/* void rt_switch_out(struct rt_fiber *fiber) */
function rt_switch_out
    push_kept
    movq %rsp, FIBER_SP(%rdi)
    movq FIBER_HOST_SP(%rdi), %rsp
    pop_kept
    ret
    .size rt_switch_out, . - rt_switch_out

/* The first return address on a fiber; rbx is the fiber. Unwinding and backtraces end here. */
function rt_fiber_start
    .cfi_startproc
    .cfi_undefined rip
    xorl %ebp, %ebp
    movq %rbx, %rdi
    call rt_fiber_main
    ud2
    .cfi_endproc
    .size rt_fiber_start, . - rt_fiber_start

/* void rt_builtin_trap(struct abi_exec *exec, u64 trap): exec is the fiber's first member. */
function rt_builtin_trap
    movq %rsp, EXEC_GUEST_SP(%rdi)
    movq %rbp, EXEC_GUEST_FP(%rdi)
    movq %rsi, FIBER_TRAP(%rdi)
    movq FIBER_HOST_SP(%rdi), %rsp
    jmp rt_redirect_drop
    .size rt_builtin_trap, . - rt_builtin_trap

/* Keeps the vector registers of a preempted guest. */
function rt_redirect_save
    movq FIBER_SAVE(%rdi), %rsi
    movl FIBER_MASK(%rdi), %eax
    xorl %edx, %edx
    xsavec (%rsi)
    .size rt_redirect_save, . - rt_redirect_save

/* Leaves a guest that is gone for good, or saved. */
function rt_redirect_drop
    testl $MASK_AVX, FIBER_MASK(%rdi)
    jz 1f
    vzeroupper
1:
    cld
    pop_kept
    ret
    .size rt_redirect_drop, . - rt_redirect_drop

/* void rt_switch_resume(struct rt_fiber *fiber): everything a tick took comes back, flags, stack
 * and program counter by one iretq, so nothing is written below the guest's stack pointer. */
function rt_switch_resume
    push_kept
    movq %rsp, FIBER_HOST_SP(%rdi)
    movq FIBER_SAVE(%rdi), %rsi
    movl FIBER_MASK(%rdi), %eax
    xorl %edx, %edx
    xrstor (%rsi)
    movl %ss, %eax
    pushq %rax
    pushq REG(15)(%rdi)
    pushq REG(17)(%rdi)
    movl %cs, %eax
    pushq %rax
    pushq REG(16)(%rdi)
    movq REG(0)(%rdi), %rax
    movq REG(1)(%rdi), %rbx
    movq REG(2)(%rdi), %rcx
    movq REG(3)(%rdi), %rdx
    movq REG(4)(%rdi), %rsi
    movq REG(6)(%rdi), %rbp
    movq REG(7)(%rdi), %r8
    movq REG(8)(%rdi), %r9
    movq REG(9)(%rdi), %r10
    movq REG(10)(%rdi), %r11
    movq REG(11)(%rdi), %r12
    movq REG(12)(%rdi), %r13
    movq REG(13)(%rdi), %r14
    movq REG(14)(%rdi), %r15
    movq REG(5)(%rdi), %rdi
    iretq
    .size rt_switch_resume, . - rt_switch_resume

    .section .note.GNU-stack, "", @progbits
