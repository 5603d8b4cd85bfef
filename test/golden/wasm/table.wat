;;! dump: --types
(module
  (import "m" "host" (global externref))
  (import "m" "shared" (table $shared 2 8 funcref))
  (table $own 1 externref)
  (table $calls 3 3 funcref)
  (global (mut funcref) (ref.func $f))
  (global externref (ref.null extern))
  (export "own" (table $own))
  (func $f (param funcref externref) (result externref funcref)
    (local.get 1) (local.get 0))
  (elem (table $shared) (i32.const 1) func $f)
  (elem (table $calls) (i32.const 0) funcref (ref.func $f) (ref.null func))
  (elem $passive externref (ref.null extern) (ref.null extern))
  (elem declare func $f)
  (memory 1)
  (data $kept "bytes")
  (data (i32.const 4) "placed"))
;;---
;; type[0] (funcref externref) -> (externref funcref)
;; func[0] (funcref externref) -> (externref funcref)
;; table[0] funcref, 2 to 8 elements, import "m" "shared"
;; table[1] externref, 1 or more elements
;; table[2] funcref, 3 to 3 elements
;; memory[0] 1 or more pages
;; global[0] externref, import "m" "host"
;; global[1] mutable funcref = func[0]
;; global[2] externref = null
;; export "own" table[1]
;; elem[0] table[0] at i32.const 1: func[0]
;; elem[1] table[2] at i32.const 0: func[0] null
;; elem[2] passive externref: null null
;; elem[3] declarative: func[0]
;; data[0] passive: 5 bytes
;; data[1] memory[0] at i32.const 4: 6 bytes
