;;! dump: --types
;;! wat2wasm: --enable-tail-call
(module
  (func $next (param i32) (result i32)
    (return_call $next (local.get 0))))
;;---
;; weirc: refused_tail_call.wasm: function 0: needs tail calls (return_call), which this version does not run (at offset 0x1b)
;; exit code 3
