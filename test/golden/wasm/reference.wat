;;! dump: --code
(module
  (table $funcs 4 funcref)
  (table $hosts 1 externref)
  (elem $e func $references)
  (memory 1)
  (data $d "abc")
  (func $references (param externref) (result i32)
    (drop (select (result externref) (ref.null extern) (local.get 0) (i32.const 1)))
    (drop (ref.is_null (ref.func $references)))
    (table.set $hosts (i32.const 0) (local.get 0))
    (drop (table.get $hosts (i32.const 0)))
    (drop (table.grow $funcs (ref.null func) (table.size $funcs)))
    (table.fill $hosts (i32.const 0) (local.get 0) (i32.const 1))
    (call_indirect $funcs (param externref) (result i32) (local.get 0) (i32.const 0)))
  (func $bulk (param i32 i32 i32)
    (memory.init $d (local.get 0) (local.get 1) (local.get 2))
    (data.drop $d)
    (memory.copy (local.get 0) (local.get 1) (local.get 2))
    (memory.fill (local.get 0) (local.get 1) (local.get 2))
    (table.init $funcs $e (local.get 0) (local.get 1) (local.get 2))
    (elem.drop $e)
    (table.copy $funcs $funcs (local.get 0) (local.get 1) (local.get 2))))
;;---
;; func[0] (externref) -> i32, 52 bytes at 0x37
;;   0x0038  ref.null externref
;;   0x003a  local.get 0
;;   0x003c  i32.const 1
;;   0x003e  select externref
;;   0x0041  drop
;;   0x0042  ref.func 0
;;   0x0044  ref.is_null
;;   0x0045  drop
;;   0x0046  i32.const 0
;;   0x0048  local.get 0
;;   0x004a  table.set 1
;;   0x004c  i32.const 0
;;   0x004e  table.get 1
;;   0x0050  drop
;;   0x0051  ref.null funcref
;;   0x0053  table.size 0
;;   0x0056  table.grow 0
;;   0x0059  drop
;;   0x005a  i32.const 0
;;   0x005c  local.get 0
;;   0x005e  i32.const 1
;;   0x0060  table.fill 1
;;   0x0063  local.get 0
;;   0x0065  i32.const 0
;;   0x0067  call_indirect type[0] table[0]
;;   0x006a  end
;; func[1] (i32 i32 i32) -> (), 57 bytes at 0x6c
;;   0x006d  local.get 0
;;   0x006f  local.get 1
;;   0x0071  local.get 2
;;   0x0073  memory.init data[0]
;;   0x0077  data.drop 0
;;   0x007a  local.get 0
;;   0x007c  local.get 1
;;   0x007e  local.get 2
;;   0x0080  memory.copy
;;   0x0084  local.get 0
;;   0x0086  local.get 1
;;   0x0088  local.get 2
;;   0x008a  memory.fill
;;   0x008d  local.get 0
;;   0x008f  local.get 1
;;   0x0091  local.get 2
;;   0x0093  table.init table[0] elem[0]
;;   0x0097  elem.drop 0
;;   0x009a  local.get 0
;;   0x009c  local.get 1
;;   0x009e  local.get 2
;;   0x00a0  table.copy table[0] table[0]
;;   0x00a4  end
