;;! dump: --asm --cpu x86-64-v3
(module
  (memory 1)
  (global $stack_pointer (mut i32) (i32.const 65536))
  (func (param i32 i32 i32)
    (local $frame i32)
    (local.set $frame (i32.sub (global.get $stack_pointer) (i32.const 32)))
    ;; from the frame: in halves
    (i64.store offset=8 (local.get 0) (i64.load offset=16 (local.get $frame)))
    ;; from elsewhere: whole
    (i64.store (local.get 1) (i64.load (local.get 2)))))
;;---
;; 	.file	"wasm"
;; 	.text
;; 	.hidden	entry_0
;; 	.globl	entry_0
;; 	.p2align	4
;; 	.type	entry_0,@function
;; entry_0:
;; 	.cfi_startproc
;; 	pushq	%rbp
;; 	.cfi_def_cfa_offset 16
;; 	.cfi_offset %rbp, -16
;; 	movq	%rsp, %rbp
;; 	.cfi_def_cfa_register %rbp
;; 	movq	%rsi, %r9
;; 	movq	%rdi, %rax
;; 	movl	(%rdx), %esi
;; 	movl	16(%rdx), %r8d
;; 	movl	32(%rdx), %ecx
;; 	movq	%r9, %rdi
;; 	movl	%r8d, %edx
;; 	callq	*%rax
;; 	popq	%rbp
;; 	.cfi_def_cfa %rsp, 8
;; 	retq
;; .Lfunc_end0:
;; 	.size	entry_0, .Lfunc_end0-entry_0
;; 	.cfi_endproc
;;
;; 	.hidden	f0
;; 	.globl	f0
;; 	.p2align	4
;; 	.type	f0,@function
;; f0:
;; 	.cfi_startproc
;; 	pushq	%rbp
;; 	.cfi_def_cfa_offset 16
;; 	.cfi_offset %rbp, -16
;; 	movq	%rsp, %rbp
;; 	.cfi_def_cfa_register %rbp
;; 	movq	32(%rdi), %rax
;; 	movl	48(%rdi), %edi
;; 	addl	$-32, %edi
;; 	movl	16(%rax,%rdi), %r8d
;; 	vmovss	20(%rax,%rdi), %xmm0
;; 	movl	%esi, %esi
;; 	movl	%r8d, 8(%rax,%rsi)
;; 	vmovss	%xmm0, 12(%rax,%rsi)
;; 	movl	%ecx, %ecx
;; 	movq	(%rax,%rcx), %rcx
;; 	movl	%edx, %edx
;; 	movq	%rcx, (%rax,%rdx)
;; 	popq	%rbp
;; 	.cfi_def_cfa %rsp, 8
;; 	retq
;; .Lfunc_end1:
;; 	.size	f0, .Lfunc_end1-f0
;; 	.cfi_endproc
;;
;; 	.protected	weir_code
;; 	.type	weir_code,@object
;; 	.section	.rodata,"a",@progbits
;; 	.globl	weir_code
;; 	.p2align	3, 0x0
;; weir_code:
;; 	.quad	3550049556836730199
;; 	.long	6
;; 	.long	1
;; 	.long	1
;; 	.long	0
;; 	.long	f0-weir_code
;; 	.long	entry_0-weir_code
;; 	.long	0
;; 	.zero	4
;; 	.size	weir_code, 40
;;
;; 	.section	".note.GNU-stack","",@progbits
