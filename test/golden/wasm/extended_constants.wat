;;! dump: --types
;;! wat2wasm: --enable-extended-const
(module
  (import "m" "base" (global $base i32))
  (import "m" "wide" (global $wide i64))
  (memory 1)
  (table 8 funcref)
  (global i32 (i32.sub (i32.mul (global.get $base) (i32.const 8)) (i32.const 1)))
  (global i64 (i64.add (global.get $wide) (i64.const -1)))
  (func $f)
  (elem (i32.add (global.get $base) (i32.const 2)) func $f)
  (data (i32.add (i32.const 100) (global.get $base)) "x"))
;;---
;; type[0] () -> ()
;; func[0] () -> ()
;; table[0] funcref, 8 or more elements
;; memory[0] 1 or more pages
;; global[0] i32, import "m" "base"
;; global[1] i64, import "m" "wide"
;; global[2] i32 = global.get 0; i32.const 8; i32.mul; i32.const 1; i32.sub
;; global[3] i64 = global.get 1; i64.const -1; i64.add
;; elem[0] table[0] at global.get 0; i32.const 2; i32.add: func[0]
;; data[0] memory[0] at i32.const 100; global.get 0; i32.add: 1 bytes
