;;! dump: --ir --cpu x86-64-v3
(module
  (func (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
  (func (param f64) (result i64) (i64.trunc_f64_u (local.get 0))))
;;---
;; ; ModuleID = 'wasm'
;; source_filename = "wasm"
;; target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
;; target triple = "x86_64-unknown-linux-gnu"
;;
;; @weir_code = protected constant { i64, i32, i32, i32, i32, [9 x i32] } { i64 3550049556836730199, i32 6, i32 3, i32 3, i32 0, [9 x i32] [i32 trunc (i64 sub (i64 ptrtoint (ptr @f0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @f1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @f2 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_2 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 0, i32 0, i32 0] }, align 8
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_integer_divide_by_zero(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 6)
;;   unreachable
;; }
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_integer_overflow(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 7)
;;   unreachable
;; }
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_invalid_conversion(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 8)
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
;;   %5 = load i32, ptr %4, align 4, !alias.scope !8, !noalias !9
;;   %6 = call i32 %0(ptr %1, i32 %3, i32 %5)
;;   store i32 %6, ptr %2, align 4, !alias.scope !8, !noalias !9
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_1(ptr %0, ptr %1, ptr %2) #2 section ".text" {
;; entry:
;;   %3 = load i64, ptr %2, align 8, !alias.scope !8, !noalias !9
;;   %4 = getelementptr nuw i8, ptr %2, i64 16
;;   %5 = load i64, ptr %4, align 8, !alias.scope !8, !noalias !9
;;   %6 = call i64 %0(ptr %1, i64 %3, i64 %5)
;;   store i64 %6, ptr %2, align 8, !alias.scope !8, !noalias !9
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden void @entry_2(ptr %0, ptr %1, ptr %2) #2 section ".text" {
;; entry:
;;   %3 = load double, ptr %2, align 8, !alias.scope !8, !noalias !9
;;   %4 = call i64 %0(ptr %1, double %3)
;;   store i64 %4, ptr %2, align 8, !alias.scope !8, !noalias !9
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i32 @f0(ptr noundef nonnull dereferenceable(64) %ctx, i32 %0, i32 %1) #2 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   %local1 = alloca i32, align 4
;;   store i32 %1, ptr %local1, align 4
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %2 = load i32, ptr %local, align 4
;;   %3 = load i32, ptr %local1, align 4
;;   %4 = icmp eq i32 %3, 0
;;   br i1 %4, label %bad, label %good
;;
;; good:                                             ; preds = %body
;;   %5 = icmp eq i32 %2, -2147483648
;;   %6 = icmp eq i32 %3, -1
;;   %7 = and i1 %5, %6
;;   br i1 %7, label %bad3, label %good2
;;
;; good2:                                            ; preds = %good
;;   %8 = sdiv i32 %2, %3
;;   br label %end
;;
;; end:                                              ; preds = %good2
;;   %9 = phi i32 [ %8, %good2 ]
;;   ret i32 %9
;;
;; bad:                                              ; preds = %body
;;   call void @trap_integer_divide_by_zero(ptr %ctx) #3
;;   unreachable
;;
;; bad3:                                             ; preds = %good
;;   call void @trap_integer_overflow(ptr %ctx) #3
;;   unreachable
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @f1(ptr noundef nonnull dereferenceable(64) %ctx, i64 %0, i64 %1) #2 section ".text" {
;; entry:
;;   %local = alloca i64, align 8
;;   store i64 %0, ptr %local, align 8
;;   %local1 = alloca i64, align 8
;;   store i64 %1, ptr %local1, align 8
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %2 = load i64, ptr %local, align 8
;;   %3 = load i64, ptr %local1, align 8
;;   %4 = icmp eq i64 %3, 0
;;   br i1 %4, label %bad, label %good
;;
;; good:                                             ; preds = %body
;;   %5 = icmp eq i64 %3, -1
;;   %6 = select i1 %5, i64 1, i64 %3
;;   %7 = srem i64 %2, %6
;;   br label %end
;;
;; end:                                              ; preds = %good
;;   %8 = phi i64 [ %7, %good ]
;;   ret i64 %8
;;
;; bad:                                              ; preds = %body
;;   call void @trap_integer_divide_by_zero(ptr %ctx) #3
;;   unreachable
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i64 @f2(ptr noundef nonnull dereferenceable(64) %ctx, double %0) #2 section ".text" {
;; entry:
;;   %local = alloca double, align 8
;;   store double %0, ptr %local, align 8
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = load double, ptr %local, align 8
;;   %2 = fcmp olt double %1, 0x43F0000000000000
;;   %3 = fcmp ogt double %1, -1.000000e+00
;;   %4 = and i1 %2, %3
;;   br i1 %4, label %good, label %bad
;;
;; good:                                             ; preds = %body
;;   %5 = fptoui double %1 to i64
;;   br label %end
;;
;; end:                                              ; preds = %good
;;   %6 = phi i64 [ %5, %good ]
;;   ret i64 %6
;;
;; bad:                                              ; preds = %body
;;   %7 = fcmp uno double %1, %1
;;   br i1 %7, label %nan, label %outside
;;
;; nan:                                              ; preds = %bad
;;   call void @trap_invalid_conversion(ptr %ctx) #3
;;   unreachable
;;
;; outside:                                          ; preds = %bad
;;   call void @trap_integer_overflow(ptr %ctx) #3
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
