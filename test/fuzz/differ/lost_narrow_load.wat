;; permitted: the loop's last load is the only one that counts, and a load32_u is never below 0
(module
  (memory (export "memory") 1)
  (func (export "last") (result i64) (local $i i32) (local $x i64)
    (loop $l
      (local.set $x
        (i64.load32_s offset=260 (i32.sub (i32.shl (local.get $i) (i32.const 3)) (i32.const 4))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9))))
    (local.get $x))
  (func (export "never_below") (result i32)
    (select (i32.const 3) (i32.const 5)
      (i64.le_s (i64.const -126) (i64.load32_u offset=8 (i32.const -65536))))))
