;;! dump: --code
;;! wat2wasm: --no-check --debug-names
(module
  (func $first (result i32) i32.const 0)
  (func $second (result i32) i64.const 0))
;;---
;; weirc: invalid_result.wasm: function 1 "second": type mismatch in end: expected i32, found i64 (at offset 0x20)
;; exit code 3
