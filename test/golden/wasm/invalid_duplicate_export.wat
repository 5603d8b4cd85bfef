;;! dump: --code
;;! wat2wasm: --no-check
(module
  (func (export "same"))
  (func (export "same")))
;;---
;; func[0] () -> (), 2 bytes at 0x28
;;   0x0029  end
;; func[1] () -> (), 2 bytes at 0x2b
;;   0x002c  end
