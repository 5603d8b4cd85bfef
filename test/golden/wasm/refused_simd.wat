;;! dump: --types
(module
  (memory 1)
  (func (param i32) (result i32)
    local.get 0
    v128.load offset=4
    i32x4.extract_lane 1))
;;---
;; weirc: refused_simd.wasm: function 0: needs SIMD (v128.load), which this version does not run (at offset 0x20)
;; exit code 3
