;;! dump: --sections
;;! wat2wasm: --debug-names
(module $dot
  (import "env" "emscripten_notify_memory_growth" (func $grown (param i32)))
  (type $binary (func (param f32 f32) (result f32)))
  (memory 1 4)
  (table 2 funcref)
  (global $sp (mut i32) (i32.const 65536))
  (export "memory" (memory 0))
  (export "dot" (func $dot))
  (elem (i32.const 1) $dot)
  (data (i32.const 1024) "hello")
  (func $dot (type $binary) local.get 0 local.get 1 f32.mul))
;;---
;; module 193 bytes "dot"
;; 0x00000a type             11 bytes, 2 entries
;; 0x000017 import           39 bytes, 1 entry
;; 0x000040 function          2 bytes, 1 entry
;; 0x000044 table             4 bytes, 1 entry
;; 0x00004a memory            4 bytes, 1 entry
;; 0x000050 global            8 bytes, 1 entry
;; 0x00005a export           16 bytes, 2 entries
;; 0x00006c element           7 bytes, 1 entry
;; 0x000075 code              9 bytes, 1 entry
;; 0x000080 data             12 bytes, 1 entry
;; 0x00008e custom           51 bytes "name"
