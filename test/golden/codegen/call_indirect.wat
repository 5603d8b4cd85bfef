;;! dump: --asm --cpu x86-64-v3
(module
  (table 8 funcref)
  (func (param i32) (result i32)
    (call_indirect (param i32) (result i32) (i32.const 5) (local.get 0))))
;;---
;; 	.file	"wasm"
;; 	.text
;; 	.hidden	trap_table_out_of_bounds
;; 	.globl	trap_table_out_of_bounds
;; 	.p2align	4
;; 	.type	trap_table_out_of_bounds,@function
;; trap_table_out_of_bounds:
;; 	.cfi_startproc
;; 	pushq	%rbp
;; 	.cfi_def_cfa_offset 16
;; 	.cfi_offset %rbp, -16
;; 	movq	%rsp, %rbp
;; 	.cfi_def_cfa_register %rbp
;; 	movq	(%rdi), %rax
;; 	movq	8(%rdi), %rcx
;; 	movl	$3, %esi
;; 	movq	%rax, %rdi
;; 	callq	*(%rcx)
;; .Lfunc_end0:
;; 	.size	trap_table_out_of_bounds, .Lfunc_end0-trap_table_out_of_bounds
;; 	.cfi_endproc
;;
;; 	.hidden	trap_uninitialized_element
;; 	.globl	trap_uninitialized_element
;; 	.p2align	4
;; 	.type	trap_uninitialized_element,@function
;; trap_uninitialized_element:
;; 	.cfi_startproc
;; 	pushq	%rbp
;; 	.cfi_def_cfa_offset 16
;; 	.cfi_offset %rbp, -16
;; 	movq	%rsp, %rbp
;; 	.cfi_def_cfa_register %rbp
;; 	movq	(%rdi), %rax
;; 	movq	8(%rdi), %rcx
;; 	movl	$4, %esi
;; 	movq	%rax, %rdi
;; 	callq	*(%rcx)
;; .Lfunc_end1:
;; 	.size	trap_uninitialized_element, .Lfunc_end1-trap_uninitialized_element
;; 	.cfi_endproc
;;
;; 	.hidden	trap_indirect_call_type
;; 	.globl	trap_indirect_call_type
;; 	.p2align	4
;; 	.type	trap_indirect_call_type,@function
;; trap_indirect_call_type:
;; 	.cfi_startproc
;; 	pushq	%rbp
;; 	.cfi_def_cfa_offset 16
;; 	.cfi_offset %rbp, -16
;; 	movq	%rsp, %rbp
;; 	.cfi_def_cfa_register %rbp
;; 	movq	(%rdi), %rax
;; 	movq	8(%rdi), %rcx
;; 	movl	$5, %esi
;; 	movq	%rax, %rdi
;; 	callq	*(%rcx)
;; .Lfunc_end2:
;; 	.size	trap_indirect_call_type, .Lfunc_end2-trap_indirect_call_type
;; 	.cfi_endproc
;;
;; 	.hidden	trap_call_indirect
;; 	.globl	trap_call_indirect
;; 	.p2align	4
;; 	.type	trap_call_indirect,@function
;; trap_call_indirect:
;; 	.cfi_startproc
;; 	pushq	%rbp
;; 	.cfi_def_cfa_offset 16
;; 	.cfi_offset %rbp, -16
;; 	movq	%rsp, %rbp
;; 	.cfi_def_cfa_register %rbp
;; 	cmpq	%rdx, %rsi
;; 	jae	.LBB3_3
;; 	testq	%rcx, %rcx
;; 	jne	.LBB3_2
;; 	callq	trap_uninitialized_element
;; .LBB3_3:
;; 	callq	trap_table_out_of_bounds
;; .LBB3_2:
;; 	callq	trap_indirect_call_type
;; .Lfunc_end3:
;; 	.size	trap_call_indirect, .Lfunc_end3-trap_call_indirect
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
;; .Lfunc_end4:
;; 	.size	entry_0, .Lfunc_end4-entry_0
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
;; 	movl	%esi, %esi
;; 	movq	32(%rdi), %rcx
;; 	movq	(%rcx), %rax
;; 	movq	8(%rcx), %rdx
;; 	cmpq	%rsi, %rdx
;; 	movq	%rsi, %r8
;; 	cmovbq	%rdx, %r8
;; 	shlq	$5, %r8
;; 	movq	16(%rax,%r8), %rcx
;; 	cmpq	64(%rdi), %rcx
;; 	jne	.LBB5_3
;; 	addq	%r8, %rax
;; 	movq	(%rax), %rcx
;; 	movq	8(%rax), %rax
;; 	cmpq	%rdi, %rax
;; 	jne	.LBB5_4
;; .LBB5_2:
;; 	movl	$5, %esi
;; 	callq	*%rcx
;; 	popq	%rbp
;; 	.cfi_def_cfa %rsp, 8
;; 	retq
;; .LBB5_3:
;; 	.cfi_def_cfa %rbp, 16
;; 	callq	trap_call_indirect
;; .LBB5_4:
;; 	movq	%rax, %rdi
;; 	jmp	.LBB5_2
;; .Lfunc_end5:
;; 	.size	f0, .Lfunc_end5-f0
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
