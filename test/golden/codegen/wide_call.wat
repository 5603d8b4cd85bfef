;;! dump: --ir --cpu x86-64-v3
(module
  (func $wide (param i32 i32 i32 i32 i32 i32 f32 i64) (result f32 i32 i64)
    (local.get 6) (local.get 5) (local.get 7))
  (func (result i32)
    (call $wide (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5)
      (f32.const 6) (i64.const 7))
    drop drop drop (i32.const 9)))
;;---
;; ; ModuleID = 'wasm'
;; source_filename = "wasm"
;; target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
;; target triple = "x86_64-unknown-linux-gnu"
;;
;; @weir_code = protected constant { i64, i32, i32, i32, i32, [6 x i32] } { i64 3550049556836730199, i32 6, i32 2, i32 2, i32 0, [6 x i32] [i32 trunc (i64 sub (i64 ptrtoint (ptr @f0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @f1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 0, i32 0] }, align 8
;;
;; ; Function Attrs: nocallback nofree nosync nounwind willreturn memory(read)
;; declare i64 @llvm.read_register.i64(metadata) #0
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_0(ptr %0, ptr %1, ptr %2) #1 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %3 = getelementptr nuw i8, ptr %exec, i64 32
;;   %values = load ptr, ptr %3, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %4 = load i32, ptr %2, align 4, !alias.scope !8, !noalias !9
;;   %5 = getelementptr nuw i8, ptr %2, i64 16
;;   %6 = load i32, ptr %5, align 4, !alias.scope !8, !noalias !9
;;   %7 = getelementptr nuw i8, ptr %2, i64 32
;;   %8 = load i32, ptr %7, align 4, !alias.scope !8, !noalias !9
;;   %9 = getelementptr nuw i8, ptr %2, i64 48
;;   %10 = load i32, ptr %9, align 4, !alias.scope !8, !noalias !9
;;   %11 = getelementptr nuw i8, ptr %2, i64 64
;;   %12 = load i32, ptr %11, align 4, !alias.scope !8, !noalias !9
;;   %13 = getelementptr nuw i8, ptr %2, i64 80
;;   %14 = load i32, ptr %13, align 4, !alias.scope !8, !noalias !9
;;   %15 = getelementptr nuw i8, ptr %values, i64 80
;;   store i32 %14, ptr %15, align 4, !alias.scope !8, !noalias !9
;;   %16 = getelementptr nuw i8, ptr %2, i64 96
;;   %17 = load float, ptr %16, align 4, !alias.scope !8, !noalias !9
;;   %18 = getelementptr nuw i8, ptr %2, i64 112
;;   %19 = load i64, ptr %18, align 8, !alias.scope !8, !noalias !9
;;   %20 = getelementptr nuw i8, ptr %values, i64 112
;;   store i64 %19, ptr %20, align 8, !alias.scope !8, !noalias !9
;;   %21 = call { float, i32 } %0(ptr %1, i32 %4, i32 %6, i32 %8, i32 %10, i32 %12, float %17)
;;   %22 = extractvalue { float, i32 } %21, 0
;;   store float %22, ptr %2, align 4, !alias.scope !8, !noalias !9
;;   %23 = extractvalue { float, i32 } %21, 1
;;   %24 = getelementptr nuw i8, ptr %2, i64 16
;;   store i32 %23, ptr %24, align 4, !alias.scope !8, !noalias !9
;;   %25 = getelementptr nuw i8, ptr %values, i64 32
;;   %26 = load i64, ptr %25, align 8, !alias.scope !8, !noalias !9
;;   %27 = getelementptr nuw i8, ptr %2, i64 32
;;   store i64 %26, ptr %27, align 8, !alias.scope !8, !noalias !9
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_1(ptr %0, ptr %1, ptr %2) #1 section ".text" {
;; entry:
;;   %3 = call i32 %0(ptr %1)
;;   store i32 %3, ptr %2, align 4, !alias.scope !8, !noalias !9
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden { float, i32 } @f0(ptr noundef nonnull dereferenceable(64) %ctx, i32 %0, i32 %1, i32 %2, i32 %3, i32 %4, float %5) #1 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   %local1 = alloca i32, align 4
;;   store i32 %1, ptr %local1, align 4
;;   %local2 = alloca i32, align 4
;;   store i32 %2, ptr %local2, align 4
;;   %local3 = alloca i32, align 4
;;   store i32 %3, ptr %local3, align 4
;;   %local4 = alloca i32, align 4
;;   store i32 %4, ptr %local4, align 4
;;   %exec = load ptr, ptr %ctx, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %6 = getelementptr nuw i8, ptr %exec, i64 32
;;   %values = load ptr, ptr %6, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %7 = getelementptr nuw i8, ptr %values, i64 80
;;   %8 = load i32, ptr %7, align 4, !alias.scope !8, !noalias !9
;;   %local5 = alloca i32, align 4
;;   store i32 %8, ptr %local5, align 4
;;   %local6 = alloca float, align 4
;;   store float %5, ptr %local6, align 4
;;   %9 = getelementptr nuw i8, ptr %values, i64 112
;;   %10 = load i64, ptr %9, align 8, !alias.scope !8, !noalias !9
;;   %local7 = alloca i64, align 8
;;   store i64 %10, ptr %local7, align 8
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %11 = load float, ptr %local6, align 4
;;   %12 = load i32, ptr %local5, align 4
;;   %13 = load i64, ptr %local7, align 8
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %14 = phi float [ %11, %body ]
;;   %15 = phi i32 [ %12, %body ]
;;   %16 = phi i64 [ %13, %body ]
;;   %17 = getelementptr nuw i8, ptr %values, i64 32
;;   store i64 %16, ptr %17, align 8, !alias.scope !8, !noalias !9
;;   %mrv = insertvalue { float, i32 } poison, float %14, 0
;;   %mrv8 = insertvalue { float, i32 } %mrv, i32 %15, 1
;;   ret { float, i32 } %mrv8
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i32 @f1(ptr noundef nonnull dereferenceable(64) %ctx) #1 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %ctx, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %0 = getelementptr nuw i8, ptr %exec, i64 32
;;   %values = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = getelementptr nuw i8, ptr %values, i64 80
;;   store i32 5, ptr %1, align 4, !alias.scope !8, !noalias !9
;;   %2 = getelementptr nuw i8, ptr %values, i64 112
;;   store i64 7, ptr %2, align 8, !alias.scope !8, !noalias !9
;;   %3 = call { float, i32 } @f0(ptr %ctx, i32 0, i32 1, i32 2, i32 3, i32 4, float 6.000000e+00)
;;   %4 = extractvalue { float, i32 } %3, 0
;;   %5 = extractvalue { float, i32 } %3, 1
;;   %6 = getelementptr nuw i8, ptr %values, i64 32
;;   %7 = load i64, ptr %6, align 8, !alias.scope !8, !noalias !9
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %8 = phi i32 [ 9, %body ]
;;   ret i32 %8
;; }
;;
;; attributes #0 = { nocallback nofree nosync nounwind willreturn memory(read) }
;; attributes #1 = { nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
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
