;;! dump: --code
;;! wat2wasm: --no-check
(module
  (func (export "same"))
  (func (export "same")))
;;---
;; weirc: invalid_duplicate_export.wasm: duplicate export name "same" (at offset 0x1d)
;; exit code 3
