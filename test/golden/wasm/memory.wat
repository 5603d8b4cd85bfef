;;! dump: --code
(module
  (memory 1)
  (global $g (mut i32) (i32.const 0))
  (func (param i32)
    (i32.store8 offset=4294967295 (local.get 0) (i32.load16_s align=1 (local.get 0)))
    (i64.store32 (local.get 0) (i64.load8_u offset=16 (local.get 0)))
    (f64.store align=2 (local.get 0) (f64.promote_f32 (f32.load (local.get 0))))
    (global.set $g (memory.grow (memory.size)))
    (drop (select (local.tee 0 (i32.const -1)) (global.get $g) (local.get 0)))))
;;---
;; func[0] (i32) -> (), 53 bytes at 0x24
;;   0x0025  local.get 0
;;   0x0027  local.get 0
;;   0x0029  i32.load16_s align=1
;;   0x002c  i32.store8 offset=4294967295
;;   0x0033  local.get 0
;;   0x0035  local.get 0
;;   0x0037  i64.load8_u offset=16
;;   0x003a  i64.store32
;;   0x003d  local.get 0
;;   0x003f  local.get 0
;;   0x0041  f32.load
;;   0x0044  f64.promote_f32
;;   0x0045  f64.store align=2
;;   0x0048  memory.size
;;   0x004a  memory.grow
;;   0x004c  global.set 0
;;   0x004e  i32.const -1
;;   0x0050  local.tee 0
;;   0x0052  global.get 0
;;   0x0054  local.get 0
;;   0x0056  select
;;   0x0057  drop
;;   0x0058  end
