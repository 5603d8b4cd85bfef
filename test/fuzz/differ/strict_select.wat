;; same: a load out of bounds whose value a select throws away, in a loop: strict traps keep it
(module
  (memory (export "memory") 1)
  (global $g (mut i32) (i32.const 5))
  (func (export "run") (param i32) (result i32) (local i32 i32)
    (local.set 0 (i32.add (i32.and (local.get 0) (i32.const 7)) (i32.const 250)))
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get 1) (local.get 0)))
        (i32.store offset=1024
          (i32.shl (i32.and (local.get 2) (i32.const 1023)) (i32.const 3))
          (i32.rotr
            (select
              (local.get 1)
              (i32.load offset=1024
                (i32.add (i32.shl (i32.and (local.get 2) (i32.const 1023)) (i32.const 4))
                  (i32.const -4)))
              (i32.le_s (local.get 2) (global.get $g)))
            (i32.popcnt (global.get $g))))
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br $next)))
    (local.get 2)))
