;;! dump: --asm --cpu x86-64-v3
(module (memory 1)
  (func $leaf (param i32) (result i32) (i32.div_u (i32.load (local.get 0)) (local.get 0)))
  (func (param i32) (result i32) (call $leaf (i32.add (local.get 0) (i32.const 4)))))
;;---
;; 	.file	"wasm"
;; 	.text
;; 	.hidden	trap_integer_divide_by_zero
;; 	.globl	trap_integer_divide_by_zero
;; 	.p2align	4
;; 	.type	trap_integer_divide_by_zero,@function
;; trap_integer_divide_by_zero:
;; 	.cfi_startproc
;; 	pushq	%rbp
;; 	.cfi_def_cfa_offset 16
;; 	.cfi_offset %rbp, -16
;; 	movq	%rsp, %rbp
;; 	.cfi_def_cfa_register %rbp
;; 	movq	(%rdi), %rax
;; 	movq	8(%rdi), %rcx
;; 	movl	$6, %esi
;; 	movq	%rax, %rdi
;; 	callq	*(%rcx)
;; .Lfunc_end0:
;; 	.size	trap_integer_divide_by_zero, .Lfunc_end0-trap_integer_divide_by_zero
;; 	.cfi_endproc
;;
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
;; 	pushq	%rbx
;; 	pushq	%rax
;; 	.cfi_offset %rbx, -24
;; 	movq	%rdx, %rbx
;; 	movq	%rsi, %rcx
;; 	movq	%rdi, %rax
;; 	movl	(%rdx), %esi
;; 	movq	%rcx, %rdi
;; 	callq	*%rax
;; 	movl	%eax, (%rbx)
;; 	addq	$8, %rsp
;; 	popq	%rbx
;; 	popq	%rbp
;; 	.cfi_def_cfa %rsp, 8
;; 	retq
;; .Lfunc_end1:
;; 	.size	entry_0, .Lfunc_end1-entry_0
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
;; 	testl	%esi, %esi
;; 	je	.LBB2_2
;; 	movq	32(%rdi), %rax
;; 	movl	%esi, %ecx
;; 	movl	(%rax,%rcx), %eax
;; 	xorl	%edx, %edx
;; 	divl	%esi
;; 	popq	%rbp
;; 	.cfi_def_cfa %rsp, 8
;; 	retq
;; .LBB2_2:
;; 	.cfi_def_cfa %rbp, 16
;; 	callq	trap_integer_divide_by_zero
;; .Lfunc_end2:
;; 	.size	f0, .Lfunc_end2-f0
;; 	.cfi_endproc
;;
;; 	.hidden	f1
;; 	.globl	f1
;; 	.p2align	4
;; 	.type	f1,@function
;; f1:
;; 	.cfi_startproc
;; 	pushq	%rbp
;; 	.cfi_def_cfa_offset 16
;; 	.cfi_offset %rbp, -16
;; 	movq	%rsp, %rbp
;; 	.cfi_def_cfa_register %rbp
;; 	addl	$4, %esi
;; 	callq	f0
;; 	popq	%rbp
;; 	.cfi_def_cfa %rsp, 8
;; 	retq
;; .Lfunc_end3:
;; 	.size	f1, .Lfunc_end3-f1
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
;; 	.long	2
;; 	.long	1
;; 	.long	0
;; 	.long	f0-weir_code
;; 	.long	f1-weir_code
;; 	.long	entry_0-weir_code
;; 	.long	0
;; 	.size	weir_code, 40
;;
;; 	.section	".note.GNU-stack","",@progbits
