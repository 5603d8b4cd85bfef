;;! dump: --ir --cpu x86-64-v3
(module
  (func (param i32) (result i32)
    (block $out (result i32)
      (loop $again
        (drop (br_if $out (i32.const 5) (local.get 0)))
        (block (br_table 0 1 0 (local.get 0))))
      (if (result i32) (local.get 0)
        (then (i32.const 1))
        (else unreachable))))
  (func (param i32) (result i32)
    (block (result i32) (block (result i32)
      (br_table 0 1 0 2 (i32.const 7) (local.get 0))))))
;;---
;; ; ModuleID = 'wasm'
;; source_filename = "wasm"
;; target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
;; target triple = "x86_64-unknown-linux-gnu"
;;
;; @weir_code = protected constant { i64, i32, i32, i32, i32, [4 x i32] } { i64 3550049556836730199, i32 6, i32 2, i32 1, i32 0, [4 x i32] [i32 trunc (i64 sub (i64 ptrtoint (ptr @f0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @f1 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 trunc (i64 sub (i64 ptrtoint (ptr @entry_0 to i64), i64 ptrtoint (ptr @weir_code to i64)) to i32), i32 0] }, align 8
;;
;; ; Function Attrs: cold noreturn nounwind uwtable
;; define hidden void @trap_unreachable(ptr %0) #0 section ".text" {
;; entry:
;;   %exec = load ptr, ptr %0, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %1 = getelementptr nuw i8, ptr %0, i64 8
;;   %builtins = load ptr, ptr %1, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   %builtin = load ptr, ptr %builtins, align 8, !invariant.load !0, !alias.scope !1, !noalias !4
;;   call void %builtin(ptr %exec, i64 1)
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
;;   %4 = call i32 %0(ptr %1, i32 %3)
;;   store i32 %4, ptr %2, align 4, !alias.scope !8, !noalias !9
;;   ret void
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i32 @f0(ptr noundef nonnull dereferenceable(64) %ctx, i32 %0) #2 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   br label %loop
;;
;; loop:                                             ; preds = %next, %body
;;   %1 = load i32, ptr %local, align 4
;;   %2 = icmp ne i32 %1, 0
;;   br i1 %2, label %end1, label %next
;;
;; next:                                             ; preds = %loop
;;   %3 = load i32, ptr %local, align 4
;;   switch i32 %3, label %end3 [
;;     i32 0, label %end3
;;     i32 1, label %loop
;;   ]
;;
;; end3:                                             ; preds = %next, %next
;;   br label %end2
;;
;; end2:                                             ; preds = %end3
;;   %4 = load i32, ptr %local, align 4
;;   %5 = icmp ne i32 %4, 0
;;   br i1 %5, label %then, label %else
;;
;; then:                                             ; preds = %end2
;;   br label %end4
;;
;; else:                                             ; preds = %end2
;;   call void @trap_unreachable(ptr %ctx) #3
;;   unreachable
;;
;; end4:                                             ; preds = %then
;;   %6 = phi i32 [ 1, %then ]
;;   br label %end1
;;
;; end1:                                             ; preds = %end4, %loop
;;   %7 = phi i32 [ 5, %loop ], [ %6, %end4 ]
;;   br label %end
;;
;; end:                                              ; preds = %end1
;;   %8 = phi i32 [ %7, %end1 ]
;;   ret i32 %8
;; }
;;
;; ; Function Attrs: nounwind uwtable
;; define hidden i32 @f1(ptr noundef nonnull dereferenceable(64) %ctx, i32 %0) #2 section ".text" {
;; entry:
;;   %local = alloca i32, align 4
;;   store i32 %0, ptr %local, align 4
;;   br label %body
;;
;; body:                                             ; preds = %entry
;;   %1 = load i32, ptr %local, align 4
;;   switch i32 %1, label %case [
;;     i32 0, label %case3
;;     i32 1, label %case4
;;     i32 2, label %case3
;;   ]
;;
;; end2:                                             ; preds = %case3
;;   %2 = phi i32 [ 7, %case3 ]
;;   br label %end1
;;
;; end1:                                             ; preds = %end2, %case4
;;   %3 = phi i32 [ 7, %case4 ], [ %2, %end2 ]
;;   br label %end
;;
;; end:                                              ; preds = %end1, %case
;;   %4 = phi i32 [ 7, %case ], [ %3, %end1 ]
;;   ret i32 %4
;;
;; case:                                             ; preds = %body
;;   br label %end
;;
;; case3:                                            ; preds = %body, %body
;;   br label %end2
;;
;; case4:                                            ; preds = %body
;;   br label %end1
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
