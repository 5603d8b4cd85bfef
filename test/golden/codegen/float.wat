;;! dump: --ir=quick --cpu x86-64-v3
(module
  (func (param f32) (result f32) (f32.mul (local.get 0) (f32.const 1)))
  (func (param f32) (result f32) (f32.mul (local.get 0) (f32.const 2)))
  (func (param f32) (result f32) (f32.demote_f64 (f64.promote_f32 (local.get 0))))
  (func (param f64) (result f64) (f64.max (f64.sqrt (local.get 0)) (local.get 0))))
;;---
;; ; ModuleID = 'wasm'
;; source_filename = "wasm"
;; target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
;; target triple = "x86_64-unknown-linux-gnu"
;;
;; @weir_code = protected constant { i64, i32, i32, i32, i32, [8 x i32] } { i64 3550049556836730199, i32 6, i32 4, i32 2, i32 0, [8 x i32] [i32 trunc (i64 sub (i64 ptrtoint (ptr @f0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @f1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @f2 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @f3 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 0, i32 0] }, align 8
;; @hidden_f32_2 = weak hidden constant float 1.000000e+00
;; @hidden_f32_1 = weak hidden constant float -0.000000e+00
;; @hidden_f64_1 = weak hidden constant double -0.000000e+00
;;
;; ; Function Attrs: nocallback nofree nosync nounwind willreturn memory(read)
;; declare i64 @llvm.read_register.i64(metadata) #0
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_0(ptr %0, ptr %1, ptr %2) #1 section ".text" {
;; entry:
;;   %3 = load float, ptr %2, align 4, !alias.scope !0, !noalias !3
;;   %4 = call float %0(ptr %1, float %3)
;;   store float %4, ptr %2, align 4, !alias.scope !0, !noalias !3
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_1(ptr %0, ptr %1, ptr %2) #1 section ".text" {
;; entry:
;;   %3 = load double, ptr %2, align 8, !alias.scope !0, !noalias !3
;;   %4 = call double %0(ptr %1, double %3)
;;   store double %4, ptr %2, align 8, !alias.scope !0, !noalias !3
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden float @f0(ptr noundef nonnull dereferenceable(64) %ctx, float %0) #1 section ".text" {
;; entry:
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = load float, ptr @hidden_f32_2, align 4, !invariant.load !7, !alias.scope !8, !noalias !9
;;   %2 = fmul float %0, %1
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %3 = phi float [ %2, %body ]
;;   ret float %3
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden float @f1(ptr noundef nonnull dereferenceable(64) %ctx, float %0) #1 section ".text" {
;; entry:
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = fmul float %0, 2.000000e+00
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %2 = phi float [ %1, %body ]
;;   ret float %2
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden float @f2(ptr noundef nonnull dereferenceable(64) %ctx, float %0) #1 section ".text" {
;; entry:
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = fpext float %0 to double
;;   %2 = load float, ptr @hidden_f32_1, align 4, !invariant.load !7, !alias.scope !8, !noalias !9
;;   %3 = fadd float %0, %2
;;   %4 = fptrunc double %1 to float
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %5 = phi float [ %3, %body ]
;;   ret float %5
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden double @f3(ptr noundef nonnull dereferenceable(64) %ctx, double %0) #1 section ".text" {
;; entry:
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = call double @llvm.sqrt.f64(double %0)
;;   %2 = load double, ptr @hidden_f64_1, align 8, !invariant.load !7, !alias.scope !8, !noalias !9
;;   %3 = fadd double %0, %2
;;   %4 = call double @llvm.maximum.f64(double %1, double %3)
;;   br label %end
;;
;; end:                                              ; preds = %body
;;   %5 = phi double [ %4, %body ]
;;   ret double %5
;; }
;;
;; ; Function Attrs: nocallback nocreateundeforpoison nofree nosync nounwind speculatable willreturn memory(none)
;; declare double @llvm.sqrt.f64(double) #2
;;
;; ; Function Attrs: nocallback nocreateundeforpoison nofree nosync nounwind speculatable willreturn memory(none)
;; declare double @llvm.maximum.f64(double, double) #2
;;
;; attributes #0 = { nocallback nofree nosync nounwind willreturn memory(read) }
;; attributes #1 = { nounwind uwtable "disable-tail-calls"="true" "frame-pointer"="all" "no-builtins" "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" }
;; attributes #2 = { nocallback nocreateundeforpoison nofree nosync nounwind speculatable willreturn memory(none) }
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
