;;! dump: --code
;;! wat2wasm: --no-check
(module
  (func $named)
  (func (drop (ref.func $named))))
;;---
;; weirc: invalid_undeclared.wasm: function 1: undeclared function reference 0 in ref.func (at offset 0x1b)
;; exit code 3
