;;! dump: --ir --cpu x86-64-v3
(module (memory 1)
  (func (param i32) (result i32 i32) (memory.grow (local.get 0)) (memory.size)))
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
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @memory_grow(ptr %0, i64 %1, i64 %2) #2 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %limit = load i64, ptr %exec, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %least = add i64 %limit, 65536
;;   %3 = call i64 @llvm.read_register.i64(metadata !8)
;;   %short = icmp ult i64 %3, %least
;;   br i1 %short, label %bad, label %good
;;
;; bad:                                              ; preds = %entry
;;   call void @trap_stack_exhausted(ptr %0) #4
;;   unreachable
;;
;; good:                                             ; preds = %entry
;;   %4 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %4, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %5 = getelementptr nuw i8, ptr %builtins, i64 16
;;   %builtin = load ptr, ptr %5, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %6 = call i64 %builtin(ptr %0, i64 %1, i64 %2)
;;   %7 = getelementptr nuw i8, ptr %exec, i64 8
;;   %pending = load i64, ptr %7, align 8, !alias.scope !1, !noalias !4
;;   %8 = icmp ne i64 %pending, 0
;;   br i1 %8, label %leave, label %stay
;;
;; leave:                                            ; preds = %good
;;   call void @yield(ptr %0)
;;   br label %stay
;;
;; stay:                                             ; preds = %leave, %good
;;   ret i64 %6
;; }
;;
;; ; Function Attrs: nocallback nofree nosync nounwind willreturn memory(read)
;; declare i64 @llvm.read_register.i64(metadata) #3
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_0(ptr %0, ptr %1, ptr %2) #2 section ".text" {
;; entry:
;;   %3 = load i32, ptr %2, align 4, !alias.scope !9, !noalias !10
;;   %4 = call { i32, i32 } %0(ptr %1, i32 %3)
;;   %5 = extractvalue { i32, i32 } %4, 0
;;   store i32 %5, ptr %2, align 4, !alias.scope !9, !noalias !10
;;   %6 = extractvalue { i32, i32 } %4, 1
;;   %7 = getelementptr nuw i8, ptr %2, i64 16
;;   store i32 %6, ptr %7, align 4, !alias.scope !9, !noalias !10
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden { i32, i32 } @f0(ptr noundef nonnull dereferenceable(128) %ctx, i32 %0) #2 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = load i32, ptr %local, align 4
;;   %2 = zext i32 %1 to i64
;;   %3 = call i64 @memory_grow(ptr %ctx, i64 0, i64 %2)
;;   %4 = trunc i64 %3 to i32
;;   %5 = getelementptr nuw i8, ptr %ctx, i64 40
;;   %6 = load ptr, ptr %5, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %7 = getelementptr nuw i8, ptr %6, i64 8
;;   %8 = load i64, ptr %7, align 8, !alias.scope !1, !noalias !4
;;   %9 = lshr i64 %8, 16
;;   %10 = trunc i64 %9 to i32
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %11 = phi i32 [ %4, %body ]
;;   %12 = phi i32 [ %10, %body ]
;;   %mrv = insertvalue { i32, i32 } poison, i32 %11, 0
;;   %mrv1 = insertvalue { i32, i32 } %mrv, i32 %12, 1
;;   ret { i32, i32 } %mrv1
;; }
;;
;; attributes #0 = { cold noreturn nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #1 = { cold nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #2 = { nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #3 = { nocallback nofree nosync nounwind willreturn memory(read) }
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
