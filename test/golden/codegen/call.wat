;;! dump: --ir --cpu x86-64-v3
(module
  (type $binary (func (param i32 i64) (result i64)))
  (import "env" "host" (func $host (param i32 i64) (result i64)))
  (table 2 funcref)
  (func $own (type $binary) (call $host (local.get 0) (local.get 1)))
  (func (param i32) (result i64)
    (call_indirect (type $binary) (local.get 0) (i64.const 2) (i32.const 1))))
;;---
;; ; ModuleID = 'wasm'
;; source_filename = "wasm"
;; target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
;; target triple = "x86_64-unknown-linux-gnu"
;;
;; @weir_code = protected constant { i64, i32, i32, i32, i32, [6 x i32] } { i64 3550049556836730199, i32 6, i32 2, i32 2, i32 0, [6 x i32] [i32 trunc (i64 sub (i64 ptrtoint (ptr @f1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @f2 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @host_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 0] }, align 8
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_table_out_of_bounds(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 3)
;;   unreachable
;; }
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_uninitialized_element(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 4)
;;   unreachable
;; }
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_indirect_call_type(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 5)
;;   unreachable
;; }
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
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_call_indirect(ptr %0, i64 %1, i64 %2, i64 %3) #0 section ".text" {
;; entry:
;;   %outside = icmp uge i64 %1, %2
;;   br i1 %outside, label %bad, label %good
;;
;; bad:                                              ; preds = %entry
;;   call void @trap_table_out_of_bounds(ptr %0) #4
;;   unreachable
;;
;; good:                                             ; preds = %entry
;;   %null = icmp eq i64 %3, 0
;;   br i1 %null, label %bad1, label %good2
;;
;; bad1:                                             ; preds = %good
;;   call void @trap_uninitialized_element(ptr %0) #4
;;   unreachable
;;
;; good2:                                            ; preds = %good
;;   call void @trap_indirect_call_type(ptr %0) #4
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
;; define hidden void @entry_0(ptr %0, ptr %1, ptr %2) #3 section ".text" {
;; entry:
;;   %3 = load i32, ptr %2, align 4, !alias.scope !8, !noalias !9
;;   %4 = getelementptr nuw i8, ptr %2, i64 16
;;   %5 = load i64, ptr %4, align 8, !alias.scope !8, !noalias !9
;;   %6 = call i64 %0(ptr %1, i32 %3, i64 %5)
;;   store i64 %6, ptr %2, align 8, !alias.scope !8, !noalias !9
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @host_0(ptr %0, i32 %1, i64 %2) #3 section ".text" {
;; entry:
;;   %ctx = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %exec = load ptr, ptr %ctx, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %limit = load i64, ptr %exec, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %least = add i64 %limit, 65536
;;   %3 = call i64 @llvm.read_register.i64(metadata !10)
;;   %short = icmp ult i64 %3, %least
;;   br i1 %short, label %bad, label %good
;;
;; bad:                                              ; preds = %entry
;;   call void @trap_stack_exhausted(ptr %ctx) #4
;;   unreachable
;;
;; good:                                             ; preds = %entry
;;   %4 = getelementptr nuw i8, ptr %0, i64 16
;;   %instance = load ptr, ptr %4, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %5 = getelementptr nuw i8, ptr %0, i64 8
;;   %fn = load ptr, ptr %5, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %6 = call i64 %fn(ptr %instance, i32 %1, i64 %2)
;;   %7 = getelementptr nuw i8, ptr %exec, i64 8
;;   %pending = load i64, ptr %7, align 8, !alias.scope !1, !noalias !4
;;   %8 = icmp ne i64 %pending, 0
;;   br i1 %8, label %leave, label %stay
;;
;; leave:                                            ; preds = %good
;;   call void @yield(ptr %ctx)
;;   br label %stay
;;
;; stay:                                             ; preds = %leave, %good
;;   ret i64 %6
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_1(ptr %0, ptr %1, ptr %2) #3 section ".text" {
;; entry:
;;   %3 = load i32, ptr %2, align 4, !alias.scope !8, !noalias !9
;;   %4 = call i64 %0(ptr %1, i32 %3)
;;   store i64 %4, ptr %2, align 8, !alias.scope !8, !noalias !9
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @f1(ptr noundef nonnull dereferenceable(192) %ctx, i32 %0, i64 %1) #3 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   %local1 = alloca i64, align 8
;;   store i64 %1, ptr %local1, align 8
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %2 = load i32, ptr %local, align 4
;;   %3 = load i64, ptr %local1, align 8
;;   %exec = load ptr, ptr %ctx, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %limit = load i64, ptr %exec, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %least = add i64 %limit, 65536
;;   %4 = call i64 @llvm.read_register.i64(metadata !10)
;;   %short = icmp ult i64 %4, %least
;;   br i1 %short, label %bad, label %good
;;
;; good:                                             ; preds = %body
;;   %5 = getelementptr nuw i8, ptr %ctx, i64 104
;;   %fn = load ptr, ptr %5, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %6 = getelementptr nuw i8, ptr %ctx, i64 112
;;   %instance = load ptr, ptr %6, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %7 = call i64 %fn(ptr %instance, i32 %2, i64 %3)
;;   %8 = getelementptr nuw i8, ptr %exec, i64 8
;;   %pending = load i64, ptr %8, align 8, !alias.scope !1, !noalias !4
;;   %9 = icmp ne i64 %pending, 0
;;   br i1 %9, label %leave, label %stay
;;
;; stay:                                             ; preds = %leave, %good
;;   br label %end
;;
;; end:                                              ; preds = %stay
;;   %10 = phi i64 [ %7, %stay ]
;;   ret i64 %10
;;
;; bad:                                              ; preds = %body
;;   call void @trap_stack_exhausted(ptr %ctx) #4
;;   unreachable
;;
;; leave:                                            ; preds = %good
;;   call void @yield(ptr %ctx)
;;   br label %stay
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @f2(ptr noundef nonnull dereferenceable(192) %ctx, i32 %0) #3 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = load i32, ptr %local, align 4
;;   %2 = getelementptr nuw i8, ptr %ctx, i64 32
;;   %table = load ptr, ptr %2, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %3 = getelementptr nuw i8, ptr %table, i64 8
;;   %len = load i64, ptr %3, align 8, !alias.scope !11, !noalias !12
;;   %entries = load ptr, ptr %table, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %4 = icmp ult i64 1, %len
;;   %clamped = select i1 %4, i64 1, i64 %len
;;   %entry1 = getelementptr nuw [32 x i8], ptr %entries, i64 %clamped
;;   %5 = getelementptr nuw i8, ptr %entry1, i64 16
;;   %id = load i64, ptr %5, align 8, !alias.scope !11, !noalias !12
;;   %6 = getelementptr nuw i8, ptr %ctx, i64 128
;;   %expected = load i64, ptr %6, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %7 = icmp ne i64 %id, %expected
;;   br i1 %7, label %bad, label %good
;;
;; good:                                             ; preds = %body
;;   %code = load ptr, ptr %entry1, align 8, !alias.scope !11, !noalias !12
;;   %8 = getelementptr nuw i8, ptr %entry1, i64 8
;;   %callee = load ptr, ptr %8, align 8, !alias.scope !11, !noalias !12
;;   %9 = icmp eq ptr %callee, %ctx
;;   br i1 %9, label %own, label %foreign, !prof !13
;;
;; own:                                              ; preds = %foreign, %good
;;   %10 = phi ptr [ %ctx, %good ], [ %callee, %foreign ]
;;   %11 = call i64 %code(ptr %10, i32 %1, i64 2)
;;   br label %end
;;
;; end:                                              ; preds = %own
;;   %12 = phi i64 [ %11, %own ]
;;   ret i64 %12
;;
;; bad:                                              ; preds = %body
;;   call void @trap_call_indirect(ptr %ctx, i64 1, i64 %len, i64 %id) #4
;;   unreachable
;;
;; foreign:                                          ; preds = %good
;;   br label %own
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
;; !8 = !{!7}
;; !9 = !{!2, !5, !6}
;; !10 = !{!"rsp"}
;; !11 = !{!6}
;; !12 = !{!2, !5, !7}
;; !13 = !{!"branch_weights", i32 1048576, i32 1}
