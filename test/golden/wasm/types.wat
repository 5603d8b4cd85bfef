;;! dump: --types
;;! wat2wasm: --debug-names
(module
  (import "env" "now" (func $now (result f64)))
  (import "env" "base" (global i32))
  (func $main (export "main"))
  (func $pair (export "pair") (param i32 i64) (result i64 i32) local.get 1 local.get 0)
  (func)
  (table (export "table") 4 8 funcref)
  (memory (export "a \"quoted\" \e2\82\ac name") 1)
  (global i32 (global.get 0))
  (global (mut i64) (i64.const -9223372036854775808))
  (global f32 (f32.const 0x1.8p+1))
  (global f32 (f32.const -nan:0x200001))
  (global (mut f64) (f64.const -0))
  (global f64 (f64.const inf))
  (global f64 (f64.const 0.1))
  (start $main)
  (elem (i32.const 0) $main $pair)
  (elem (global.get 0) $now)
  (data (i32.const 8) "\00\01\02")
  (data (global.get 0) ""))
;;---
;; type[0] () -> f64
;; type[1] () -> ()
;; type[2] (i32 i64) -> (i64 i32)
;; func[0] "now" () -> f64, import "env" "now"
;; func[1] "main" () -> ()
;; func[2] "pair" (i32 i64) -> (i64 i32)
;; func[3] () -> ()
;; table[0] funcref, 4 to 8 elements
;; memory[0] 1 or more pages
;; global[0] i32, import "env" "base"
;; global[1] i32 = global.get 0
;; global[2] mutable i64 = i64.const -9223372036854775808
;; global[3] f32 = f32.const 3
;; global[4] f32 = f32.const -nan:0x200001
;; global[5] mutable f64 = f64.const -0
;; global[6] f64 = f64.const inf
;; global[7] f64 = f64.const 0.10000000000000001
;; export "main" func[1]
;; export "pair" func[2]
;; export "table" table[0]
;; export "a \"quoted\" € name" memory[0]
;; start func[1]
;; elem[0] table[0] at i32.const 0: func[1] func[2]
;; elem[1] table[0] at global.get 0: func[0]
;; data[0] memory[0] at i32.const 8: 3 bytes
;; data[1] memory[0] at global.get 0: 0 bytes
