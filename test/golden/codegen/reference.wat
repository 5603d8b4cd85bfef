;;! dump: --ir --cpu x86-64-v3
(module
  (global $kept (mut externref) (ref.null extern))
  (elem declare func $f)
  (func $f (param externref) (result i32)
    (global.set $kept (local.get 0))
    (i32.and (ref.is_null (global.get $kept)) (ref.is_null (ref.func $f)))))
;;---
;; ; ModuleID = 'wasm'
;; source_filename = "wasm"
;; target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
;; target triple = "x86_64-unknown-linux-gnu"
;;
;; @weir_code = protected constant { i64, i32, i32, i32, i32, [3 x i32] } { i64 3550049556836730199, i32 6, i32 1, i32 1, i32 0, [3 x i32] [i32 trunc (i64 sub (i64 ptrtoint (ptr @f0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 0] }, align 8
;;
;; ; Function Attrs: nocallback nofree nosync nounwind willreturn memory(read)
;; declare i64 @llvm.read_register.i64(metadata) #0
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_0(ptr %0, ptr %1, ptr %2) #1 section ".text" {
;; entry:
;;   %3 = load i64, ptr %2, align 8, !alias.scope !0, !noalias !3
;;   %4 = call i32 %0(ptr %1, i64 %3)
;;   store i32 %4, ptr %2, align 4, !alias.scope !0, !noalias !3
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i32 @f0(ptr noundef nonnull dereferenceable(128) %ctx, i64 %0) #1 section ".text" {
;; entry:
;;   %local = alloca i64, align 8
;;   store i64 %0, ptr %local, align 8
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = load i64, ptr %local, align 8
;;   %2 = getelementptr nuw i8, ptr %ctx, i64 32
;;   store i64 %1, ptr %2, align 8, !alias.scope !7, !noalias !8
;;   %3 = getelementptr nuw i8, ptr %ctx, i64 32
;;   %4 = load i64, ptr %3, align 8, !alias.scope !7, !noalias !8
;;   %5 = icmp eq i64 %4, 0
;;   %6 = zext i1 %5 to i32
;;   %7 = getelementptr nuw i8, ptr %ctx, i64 72
;;   %ref = load i64, ptr %7, align 8, !invariant.load !9, !alias.scope !7, !noalias !8
;;   %8 = icmp eq i64 %ref, 0
;;   %9 = zext i1 %8 to i32
;;   %10 = and i32 %6, %9
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %11 = phi i32 [ %10, %body ]
;;   ret i32 %11
;; }
;;
;; attributes #0 = { nocallback nofree nosync nounwind willreturn memory(read) }
;; attributes #1 = { nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;;
;; !0 = !{!1}
;; !1 = !{!"values", !2}
;; !2 = !{!"weir"}
;; !3 = !{!4, !5, !6}
;; !4 = !{!"context", !2}
;; !5 = !{!"memory", !2}
;; !6 = !{!"table", !2}
;; !7 = !{!4}
;; !8 = !{!5, !6, !1}
;; !9 = !{}
