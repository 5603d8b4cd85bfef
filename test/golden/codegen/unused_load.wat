;;! dump: --ir=quick --cpu x86-64-v3
(module (memory 1)
  (func (param i32) (result i32)
    (drop (i64.extend_i32_u (i32.load8_u (local.get 0))))
    (i32.load (local.get 0))))
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
;;   %3 = load i32, ptr %2, align 4, !alias.scope !0, !noalias !3
;;   %4 = call i32 %0(ptr %1, i32 %3)
;;   store i32 %4, ptr %2, align 4, !alias.scope !0, !noalias !3
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i32 @f0(ptr noundef nonnull dereferenceable(128) %ctx, i32 %0) #1 section ".text" {
;; entry:
;;   %1 = getelementptr nuw i8, ptr %ctx, i64 32
;;   %memory = load ptr, ptr %1, align 8, !invariant.load !7, !alias.scope !8, !noalias !9
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %2 = zext i32 %0 to i64
;;   %3 = getelementptr nuw i8, ptr %memory, i64 %2
;;   %4 = load volatile i8, ptr %3, align 1, !alias.scope !10, !noalias !11
;;   %5 = zext i32 %0 to i64
;;   %6 = getelementptr nuw i8, ptr %memory, i64 %5
;;   %7 = load i32, ptr %6, align 1, !alias.scope !10, !noalias !11
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %8 = phi i32 [ %7, %body ]
;;   ret i32 %8
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
;; !7 = !{}
;; !8 = !{!4}
;; !9 = !{!5, !6, !1}
;; !10 = !{!5}
;; !11 = !{!4, !6, !1}
