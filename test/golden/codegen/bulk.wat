;;! dump: --ir --cpu x86-64-v3
(module
  (memory 1)
  (data $d "abc")
  (func (param i32 i32 i32)
    (memory.init $d (local.get 0) (local.get 1) (local.get 2))
    (memory.copy (local.get 0) (local.get 1) (local.get 2))
    (memory.fill (local.get 0) (local.get 1) (local.get 2))
    (data.drop $d)))
;;---
;; ; ModuleID = 'wasm'
;; source_filename = "wasm"
;; target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
;; target triple = "x86_64-unknown-linux-gnu"
;;
;; @weir_code = protected constant { i64, i32, i32, i32, i32, [3 x i32] } { i64 3550049556836730199, i32 6, i32 1, i32 1, i32 0, [3 x i32] [i32 trunc (i64 sub (i64 ptrtoint (ptr @f0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 0] }, align 8
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_stack_exhausted(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 9)
;;   unreachable
;; }
;;
;; ; Function Attrs: cold nounwind uwtable
;; define hidden void @yield(ptr %0) #1 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %2 = getelementptr nuw i8, ptr %builtins, i64 8
;;   %builtin = load ptr, ptr %2, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec)
;;   ret void
;; }
;;
;; ; Function Attrs: nocallback nofree nosync nounwind willreturn memory(read)
;; declare i64 @llvm.read_register.i64(metadata) #2
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @memory_fill(ptr %0, i64 %1, i64 %2, i64 %3, i64 %4) #3 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %limit = load i64, ptr %exec, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %least = add i64 %limit, 65536
;;   %5 = call i64 @llvm.read_register.i64(metadata !8)
;;   %short = icmp ult i64 %5, %least
;;   br i1 %short, label %bad, label %good
;;
;; bad:                                              ; preds = %entry
;;   call void @trap_stack_exhausted(ptr %0) #4
;;   unreachable
;;
;; good:                                             ; preds = %entry
;;   %6 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %6, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %7 = getelementptr nuw i8, ptr %builtins, i64 24
;;   %builtin = load ptr, ptr %7, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %8 = call i64 %builtin(ptr %0, i64 %1, i64 %2, i64 %3, i64 %4)
;;   %9 = getelementptr nuw i8, ptr %exec, i64 8
;;   %pending = load i64, ptr %9, align 8, !alias.scope !1, !noalias !4
;;   %10 = icmp ne i64 %pending, 0
;;   br i1 %10, label %leave, label %stay
;;
;; leave:                                            ; preds = %good
;;   call void @yield(ptr %0)
;;   br label %stay
;;
;; stay:                                             ; preds = %leave, %good
;;   ret i64 %8
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @memory_copy(ptr %0, i64 %1, i64 %2, i64 %3, i64 %4, i64 %5) #3 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %limit = load i64, ptr %exec, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %least = add i64 %limit, 65536
;;   %6 = call i64 @llvm.read_register.i64(metadata !8)
;;   %short = icmp ult i64 %6, %least
;;   br i1 %short, label %bad, label %good
;;
;; bad:                                              ; preds = %entry
;;   call void @trap_stack_exhausted(ptr %0) #4
;;   unreachable
;;
;; good:                                             ; preds = %entry
;;   %7 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %7, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %8 = getelementptr nuw i8, ptr %builtins, i64 32
;;   %builtin = load ptr, ptr %8, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %9 = call i64 %builtin(ptr %0, i64 %1, i64 %2, i64 %3, i64 %4, i64 %5)
;;   %10 = getelementptr nuw i8, ptr %exec, i64 8
;;   %pending = load i64, ptr %10, align 8, !alias.scope !1, !noalias !4
;;   %11 = icmp ne i64 %pending, 0
;;   br i1 %11, label %leave, label %stay
;;
;; leave:                                            ; preds = %good
;;   call void @yield(ptr %0)
;;   br label %stay
;;
;; stay:                                             ; preds = %leave, %good
;;   ret i64 %9
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @memory_init(ptr %0, i64 %1, i64 %2, i64 %3, i64 %4, i64 %5) #3 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %limit = load i64, ptr %exec, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %least = add i64 %limit, 65536
;;   %6 = call i64 @llvm.read_register.i64(metadata !8)
;;   %short = icmp ult i64 %6, %least
;;   br i1 %short, label %bad, label %good
;;
;; bad:                                              ; preds = %entry
;;   call void @trap_stack_exhausted(ptr %0) #4
;;   unreachable
;;
;; good:                                             ; preds = %entry
;;   %7 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %7, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %8 = getelementptr nuw i8, ptr %builtins, i64 40
;;   %builtin = load ptr, ptr %8, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %9 = call i64 %builtin(ptr %0, i64 %1, i64 %2, i64 %3, i64 %4, i64 %5)
;;   %10 = getelementptr nuw i8, ptr %exec, i64 8
;;   %pending = load i64, ptr %10, align 8, !alias.scope !1, !noalias !4
;;   %11 = icmp ne i64 %pending, 0
;;   br i1 %11, label %leave, label %stay
;;
;; leave:                                            ; preds = %good
;;   call void @yield(ptr %0)
;;   br label %stay
;;
;; stay:                                             ; preds = %leave, %good
;;   ret i64 %9
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @data_drop(ptr %0, i64 %1) #3 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %limit = load i64, ptr %exec, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %least = add i64 %limit, 65536
;;   %2 = call i64 @llvm.read_register.i64(metadata !8)
;;   %short = icmp ult i64 %2, %least
;;   br i1 %short, label %bad, label %good
;;
;; bad:                                              ; preds = %entry
;;   call void @trap_stack_exhausted(ptr %0) #4
;;   unreachable
;;
;; good:                                             ; preds = %entry
;;   %3 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %3, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %4 = getelementptr nuw i8, ptr %builtins, i64 48
;;   %builtin = load ptr, ptr %4, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %5 = call i64 %builtin(ptr %0, i64 %1)
;;   %6 = getelementptr nuw i8, ptr %exec, i64 8
;;   %pending = load i64, ptr %6, align 8, !alias.scope !1, !noalias !4
;;   %7 = icmp ne i64 %pending, 0
;;   br i1 %7, label %leave, label %stay
;;
;; leave:                                            ; preds = %good
;;   call void @yield(ptr %0)
;;   br label %stay
;;
;; stay:                                             ; preds = %leave, %good
;;   ret i64 %5
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_0(ptr %0, ptr %1, ptr %2) #3 section ".text" {
;; entry:
;;   %3 = load i32, ptr %2, align 4, !alias.scope !9, !noalias !10
;;   %4 = getelementptr nuw i8, ptr %2, i64 16
;;   %5 = load i32, ptr %4, align 4, !alias.scope !9, !noalias !10
;;   %6 = getelementptr nuw i8, ptr %2, i64 32
;;   %7 = load i32, ptr %6, align 4, !alias.scope !9, !noalias !10
;;   call void %0(ptr %1, i32 %3, i32 %5, i32 %7)
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @f0(ptr noundef nonnull dereferenceable(128) %ctx, i32 %0, i32 %1, i32 %2) #3 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   %local1 = alloca i32, align 4
;;   store i32 %1, ptr %local1, align 4
;;   %local2 = alloca i32, align 4
;;   store i32 %2, ptr %local2, align 4
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %3 = load i32, ptr %local, align 4
;;   %4 = load i32, ptr %local1, align 4
;;   %5 = load i32, ptr %local2, align 4
;;   %6 = zext i32 %3 to i64
;;   %7 = zext i32 %4 to i64
;;   %8 = zext i32 %5 to i64
;;   %9 = call i64 @memory_init(ptr %ctx, i64 0, i64 0, i64 %6, i64 %7, i64 %8)
;;   %10 = load i32, ptr %local, align 4
;;   %11 = load i32, ptr %local1, align 4
;;   %12 = load i32, ptr %local2, align 4
;;   %13 = zext i32 %10 to i64
;;   %14 = zext i32 %11 to i64
;;   %15 = zext i32 %12 to i64
;;   %16 = call i64 @memory_copy(ptr %ctx, i64 0, i64 0, i64 %13, i64 %14, i64 %15)
;;   %17 = load i32, ptr %local, align 4
;;   %18 = load i32, ptr %local1, align 4
;;   %19 = load i32, ptr %local2, align 4
;;   %20 = zext i32 %17 to i64
;;   %21 = zext i32 %18 to i64
;;   %22 = zext i32 %19 to i64
;;   %23 = call i64 @memory_fill(ptr %ctx, i64 0, i64 %20, i64 %21, i64 %22)
;;   %24 = call i64 @data_drop(ptr %ctx, i64 0)
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   ret void
;; }
;;
;; attributes #0 = { cold noreturn nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #1 = { cold nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #2 = { nocallback nofree nosync nounwind willreturn memory(read) }
;; attributes #3 = { nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #4 = { nomerge }
;;
;; !0 = !{}
;; !1 = !{!2}
;; !2 = !{!"context", !3}
;; !3 = !{!"weir"}
;; !4 = !{!5, !6, !7}
;; !5 = !{!"memory", !3}
;; !6 = !{!"table", !3}
;; !7 = !{!"values", !3}
;; !8 = !{!"rsp"}
;; !9 = !{!7}
;; !10 = !{!2, !5, !6}
