;;! dump: --asm --cpu x86-64-v3
(module (memory 1)
  (func (param $x i32) (param $y i32) (param $n i32) (param $a f32)
    (if (local.get $n) (then (loop $next
      (f32.store offset=16 (local.get $y)
        (f32.add (f32.load offset=16 (local.get $y))
          (f32.mul (local.get $a) (f32.load offset=16 (local.get $x)))))
      (local.set $x (i32.add (local.get $x) (i32.const 4)))
      (local.set $y (i32.add (local.get $y) (i32.const 4)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))))
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
;; 	vmovss	48(%rdx), %xmm0
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
;; 	pushq	%r14
;; 	pushq	%rbx
;; 	.cfi_offset %rbx, -32
;; 	.cfi_offset %r14, -24
;; 	testl	%ecx, %ecx
;; 	je	.LBB1_10
;; 	movq	32(%rdi), %rax
;; 	cmpl	$4, %ecx
;; 	jae	.LBB1_11
;; .LBB1_2:
;; 	movl	%ecx, %edi
;; .LBB1_3:
;; 	leal	-1(%rdi), %ecx
;; 	movl	%edi, %r8d
;; 	andl	$3, %r8d
;; 	je	.LBB1_7
;; 	xorl	%r9d, %r9d
;; 	.p2align	4
;; .LBB1_5:
;; 	movl	%edx, %r10d
;; 	movl	%esi, %r11d
;; 	vmulss	16(%rax,%r11), %xmm0, %xmm1
;; 	vaddss	16(%rax,%r10), %xmm1, %xmm1
;; 	vmovss	%xmm1, 16(%rax,%r10)
;; 	addl	$4, %esi
;; 	addl	$4, %edx
;; 	incl	%r9d
;; 	cmpl	%r9d, %r8d
;; 	jne	.LBB1_5
;; 	subl	%r9d, %edi
;; .LBB1_7:
;; 	cmpl	$3, %ecx
;; 	jb	.LBB1_10
;; 	xorl	%ecx, %ecx
;; 	.p2align	4
;; .LBB1_9:
;; 	leal	(%rsi,%rcx), %r8d
;; 	leal	(%rdx,%rcx), %r9d
;; 	vmulss	16(%rax,%r8), %xmm0, %xmm1
;; 	vaddss	16(%rax,%r9), %xmm1, %xmm1
;; 	vmovss	%xmm1, 16(%rax,%r9)
;; 	leal	4(%rsi,%rcx), %r8d
;; 	leal	4(%rdx,%rcx), %r9d
;; 	vmulss	16(%rax,%r8), %xmm0, %xmm1
;; 	vaddss	16(%rax,%r9), %xmm1, %xmm1
;; 	vmovss	%xmm1, 16(%rax,%r9)
;; 	leal	8(%rsi,%rcx), %r8d
;; 	leal	8(%rdx,%rcx), %r9d
;; 	vmulss	16(%rax,%r8), %xmm0, %xmm1
;; 	vaddss	16(%rax,%r9), %xmm1, %xmm1
;; 	vmovss	%xmm1, 16(%rax,%r9)
;; 	leal	12(%rsi,%rcx), %r8d
;; 	leal	12(%rdx,%rcx), %r9d
;; 	vmulss	16(%rax,%r8), %xmm0, %xmm1
;; 	vaddss	16(%rax,%r9), %xmm1, %xmm1
;; 	vmovss	%xmm1, 16(%rax,%r9)
;; 	addl	$16, %ecx
;; 	addl	$-4, %edi
;; 	jne	.LBB1_9
;; .LBB1_10:
;; 	popq	%rbx
;; 	popq	%r14
;; 	popq	%rbp
;; 	.cfi_def_cfa %rsp, 8
;; 	vzeroupper
;; 	retq
;; .LBB1_11:
;; 	.cfi_def_cfa %rbp, 16
;; 	leal	-4(,%rcx,4), %r8d
;; 	movl	%esi, %edi
;; 	addl	%r8d, %edi
;; 	setb	%dil
;; 	addl	%edx, %r8d
;; 	jb	.LBB1_2
;; 	testb	%dil, %dil
;; 	jne	.LBB1_2
;; 	leal	-1(%rcx), %edi
;; 	cmpl	$1073741823, %edi
;; 	ja	.LBB1_2
;; 	movl	%edx, %r8d
;; 	leaq	(%rax,%r8), %r9
;; 	addq	$16, %r9
;; 	leaq	(%rax,%rdi,4), %rdi
;; 	leaq	20(%r8,%rdi), %r8
;; 	movl	%esi, %r10d
;; 	leaq	(%rax,%r10), %r11
;; 	addq	$16, %r11
;; 	addq	%r10, %rdi
;; 	addq	$20, %rdi
;; 	cmpq	%rdi, %r9
;; 	setb	%dil
;; 	cmpq	%r8, %r11
;; 	setb	%r8b
;; 	testb	%r8b, %dil
;; 	jne	.LBB1_2
;; 	xorl	%r8d, %r8d
;; 	cmpl	$32, %ecx
;; 	jb	.LBB1_21
;; 	movl	%ecx, %r8d
;; 	andl	$2147483616, %r8d
;; 	vbroadcastss	%xmm0, %ymm1
;; 	movl	%r8d, %edi
;; 	movl	%edx, %r9d
;; 	movl	%esi, %r10d
;; 	.p2align	4
;; .LBB1_18:
;; 	movl	%r9d, %r11d
;; 	movl	%r10d, %ebx
;; 	vmulps	16(%rax,%rbx), %ymm1, %ymm2
;; 	vmulps	48(%rax,%rbx), %ymm1, %ymm3
;; 	vmulps	80(%rax,%rbx), %ymm1, %ymm4
;; 	vmulps	112(%rax,%rbx), %ymm1, %ymm5
;; 	vaddps	16(%rax,%r11), %ymm2, %ymm2
;; 	vaddps	48(%rax,%r11), %ymm3, %ymm3
;; 	vaddps	80(%rax,%r11), %ymm4, %ymm4
;; 	vaddps	112(%rax,%r11), %ymm5, %ymm5
;; 	vmovups	%ymm2, 16(%rax,%r11)
;; 	vmovups	%ymm3, 48(%rax,%r11)
;; 	vmovups	%ymm4, 80(%rax,%r11)
;; 	vmovups	%ymm5, 112(%rax,%r11)
;; 	subl	$-128, %r10d
;; 	subl	$-128, %r9d
;; 	addl	$-32, %edi
;; 	jne	.LBB1_18
;; 	cmpl	%r8d, %ecx
;; 	je	.LBB1_10
;; 	testb	$28, %cl
;; 	je	.LBB1_27
;; .LBB1_21:
;; 	movl	%ecx, %r9d
;; 	andl	$2147483644, %r9d
;; 	movl	%ecx, %edi
;; 	andl	$3, %edi
;; 	leal	(%rdx,%r8,4), %r10d
;; 	leal	(%rdx,%r9,4), %edx
;; 	leal	(%rsi,%r8,4), %r11d
;; 	leal	(%rsi,%r9,4), %esi
;; 	vbroadcastss	%xmm0, %xmm1
;; 	subl	%r9d, %r8d
;; 	.p2align	4
;; .LBB1_22:
;; 	movl	%r10d, %ebx
;; 	movl	%r11d, %r14d
;; 	vmulps	16(%rax,%r14), %xmm1, %xmm2
;; 	vaddps	16(%rax,%rbx), %xmm2, %xmm2
;; 	vmovups	%xmm2, 16(%rax,%rbx)
;; 	addl	$16, %r11d
;; 	addl	$16, %r10d
;; 	addl	$4, %r8d
;; 	jne	.LBB1_22
;; 	cmpl	%r9d, %ecx
;; 	jne	.LBB1_3
;; 	jmp	.LBB1_10
;; .LBB1_27:
;; 	andl	$31, %ecx
;; 	leal	(%rdx,%r8,4), %edx
;; 	leal	(%rsi,%r8,4), %esi
;; 	jmp	.LBB1_2
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
