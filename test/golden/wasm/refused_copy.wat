;;! dump: --types
(module
  (memory 1)
  (func (export "copy") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2))))
;;---
;; weirc: refused_copy.wasm: function 0: needs bulk memory (memory.copy at offset 0x2f), which this version does not run (at offset 0x2f)
;; exit code 3
