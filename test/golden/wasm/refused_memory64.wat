;;! dump: --types
;;! wat2wasm: --enable-memory64
(module (memory i64 1))
;;---
;; weirc: refused_memory64.wasm: needs 64-bit memory (memory with 64-bit addresses), which this version does not run (at offset 0xb)
;; exit code 3
