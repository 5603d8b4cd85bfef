;;! dump: --code
;;! wat2wasm: --no-check --debug-names
(module
  (func $first (result i32) i32.const 0)
  (func $second (result i32) i64.const 0))
;;---
;; func[0] "first" () -> i32, 4 bytes at 0x18
;;   0x0019  i32.const 0
;;   0x001b  end
;; func[1] "second" () -> i32, 4 bytes at 0x1d
;;   0x001e  i64.const 0
;;   0x0020  end
