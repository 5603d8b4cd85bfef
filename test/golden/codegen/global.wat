;;! dump: --ir --cpu x86-64-v3
(module
  (import "env" "base" (global $base i32))
  (import "env" "count" (global $count (mut i64)))
  (global $own (mut f64) (f64.const 1))
  (func (result i32)
    (global.set $count (i64.const 1))
    (global.set $own (f64.convert_i64_u (global.get $count)))
    (global.get $base)))
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
;;   %3 = call i32 %0(ptr %1)
;;   store i32 %3, ptr %2, align 4, !alias.scope !0, !noalias !3
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i32 @f0(ptr noundef nonnull dereferenceable(128) %ctx) #1 section ".text" {
;; entry:
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %0 = getelementptr nuw i8, ptr %ctx, i64 48
;;   %global = load ptr, ptr %0, align 8, !invariant.load !7, !alias.scope !8, !noalias !9
;;   store i64 1, ptr %global, align 8, !alias.scope !8, !noalias !9
;;   %1 = getelementptr nuw i8, ptr %ctx, i64 48
;;   %global1 = load ptr, ptr %1, align 8, !invariant.load !7, !alias.scope !8, !noalias !9
;;   %2 = load i64, ptr %global1, align 8, !alias.scope !8, !noalias !9
;;   %3 = uitofp i64 %2 to double
;;   %4 = getelementptr nuw i8, ptr %ctx, i64 64
;;   store double %3, ptr %4, align 8, !alias.scope !8, !noalias !9
;;   %5 = getelementptr nuw i8, ptr %ctx, i64 32
;;   %global2 = load ptr, ptr %5, align 8, !invariant.load !7, !alias.scope !8, !noalias !9
;;   %6 = load i32, ptr %global2, align 4, !invariant.load !7, !alias.scope !8, !noalias !9
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %7 = phi i32 [ %6, %body ]
;;   ret i32 %7
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
