;; permitted: LLVM folds the difference of two equal loads; both traps go with it
(module
  (import "fuzzing-support" "log-i32" (func $log (param i32)))
  (memory (export "memory") 1)
  (func (export "lost") (result i32) (local $x i32)
    (local.set $x (i32.load (i32.const -8)))
    (call $log (i32.const 1))
    (i32.mul (local.get $x) (i32.const 0)))
  (func (export "kept") (result i32) (local $x i32)
    (local.set $x (i32.load (i32.const -8)))
    (call $log (i32.const 2))
    (local.get $x))
  (func (export "after") (result i32) (i32.load (i32.const 16))))
