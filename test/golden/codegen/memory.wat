;;! dump: --ir --cpu x86-64-v3
(module (memory 1)
  (func (param i32 i64)
    (i64.store offset=8 (local.get 0) (local.get 1))
    (i64.store16 (i32.add (local.get 0) (i32.const 4)) (local.get 1))
    (drop (i32.load8_s offset=4294967295 (local.get 0)))))
;;---
;; ; ModuleID = 'wasm'
;; source_filename = "wasm"
;; target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
;; target triple = "x86_64-unknown-linux-gnu"
;;
;; @weir_code = protected constant { i64, i32, i32, i32, i32, [3 x i32] } { i64 3550049556836730199, i32 6, i32 1, i32 1, i32 0, [3 x i32] [i32 trunc (i64 sub (i64 ptrtoint (ptr @f0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 0] }, align 8
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_memory_out_of_bounds(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 2)
;;   unreachable
;; }
;;
;; ; Function Attrs: nocallback nofree nosync nounwind willreturn memory(read)
;; declare i64 @llvm.read_register.i64(metadata) #1
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_0(ptr %0, ptr %1, ptr %2) #2 section ".text" {
;; entry:
;;   %3 = load i32, ptr %2, align 4, !alias.scope !8, !noalias !9
;;   %4 = getelementptr nuw i8, ptr %2, i64 16
;;   %5 = load i64, ptr %4, align 8, !alias.scope !8, !noalias !9
;;   call void %0(ptr %1, i32 %3, i64 %5)
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @f0(ptr noundef nonnull dereferenceable(128) %ctx, i32 %0, i64 %1) #2 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   %local1 = alloca i64, align 8
;;   store i64 %1, ptr %local1, align 8
;;   %2 = getelementptr nuw i8, ptr %ctx, i64 32
;;   %memory = load ptr, ptr %2, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %3 = load i32, ptr %local, align 4
;;   %4 = load i64, ptr %local1, align 8
;;   %5 = zext i32 %3 to i64
;;   %6 = getelementptr nuw i8, ptr %memory, i64 %5
;;   %7 = getelementptr nuw i8, ptr %6, i64 8
;;   store i64 %4, ptr %7, align 1, !alias.scope !10, !noalias !11
;;   %8 = load i32, ptr %local, align 4
;;   %9 = add i32 %8, 4
;;   %10 = load i64, ptr %local1, align 8
;;   %11 = zext i32 %9 to i64
;;   %12 = getelementptr nuw i8, ptr %memory, i64 %11
;;   %13 = trunc i64 %10 to i16
;;   store i16 %13, ptr %12, align 1, !alias.scope !10, !noalias !11
;;   %14 = load i32, ptr %local, align 4
;;   %15 = zext i32 %14 to i64
;;   %16 = getelementptr nuw i8, ptr %ctx, i64 40
;;   %17 = load ptr, ptr %16, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %18 = getelementptr nuw i8, ptr %17, i64 8
;;   %19 = load i64, ptr %18, align 8, !alias.scope !1, !noalias !4
;;   %20 = add i64 %15, 4294967296
;;   %21 = icmp ugt i64 %20, %19
;;   br i1 %21, label %bad, label %good
;;
;; good:                                             ; preds = %body
;;   %22 = getelementptr nuw i8, ptr %memory, i64 %15
;;   %23 = getelementptr nuw i8, ptr %22, i64 4294967295
;;   %24 = load i8, ptr %23, align 1, !alias.scope !10, !noalias !11
;;   %25 = sext i8 %24 to i32
;;   br label %end
;;
;; end:                                              ; preds = %good
;;   ret void
;;
;; bad:                                              ; preds = %body
;;   call void @trap_memory_out_of_bounds(ptr %ctx) #3
;;   unreachable
;; }
;;
;; attributes #0 = { cold noreturn nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #1 = { nocallback nofree nosync nounwind willreturn memory(read) }
;; attributes #2 = { nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #3 = { nomerge }
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
;; !10 = !{!5}
;; !11 = !{!2, !6, !7}
