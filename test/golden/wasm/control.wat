;;! dump: --code
;;! wat2wasm: --debug-names
(module
  (type $step (func (param i32) (result i32)))
  (table 1 funcref)
  (func $fac (param $n i32) (result i32)
    (local $product i32) (local i64 i64) (local f64)
    i32.const 1
    local.set $product
    block
      loop
        local.get $n
        i32.eqz
        br_if 1
        local.get $n
        local.get $product
        i32.mul
        local.set $product
        local.get $n
        i32.const 1
        i32.sub
        local.set $n
        br 0
      end
    end
    local.get $product)
  (func $choose (param i32) (result i32)
    local.get 0
    if (result i32)
      i32.const 10
      call $fac
    else
      block
        block
          block
            local.get 0
            br_table 0 1 2 0
          end
          unreachable
        end
        nop
      end
      i32.const 0
    end
    i32.const 3
    i32.const 0
    call_indirect (type $step)
    i32.add
    i32.const 2
    block (param i32 i32) (result i32)
      i32.xor
    end
    local.get 0
    loop (param i32) (result i32)
      local.get 0
      br_if 0
    end
    return))
;;---
;; func[0] "fac" (i32) -> i32, 41 bytes at 0x25
;;   locals 1 i32, 2 i64, 1 f64
;;   0x002c  i32.const 1
;;   0x002e  local.set 1
;;   0x0030  block
;;   0x0032    loop
;;   0x0034      local.get 0
;;   0x0036      i32.eqz
;;   0x0037      br_if 1
;;   0x0039      local.get 0
;;   0x003b      local.get 1
;;   0x003d      i32.mul
;;   0x003e      local.set 1
;;   0x0040      local.get 0
;;   0x0042      i32.const 1
;;   0x0044      i32.sub
;;   0x0045      local.set 0
;;   0x0047      br 0
;;   0x0049    end
;;   0x004a  end
;;   0x004b  local.get 1
;;   0x004d  end
;; func[1] "choose" (i32) -> i32, 57 bytes at 0x4f
;;   0x0050  local.get 0
;;   0x0052  if i32
;;   0x0054    i32.const 10
;;   0x0056    call 0 "fac"
;;   0x0058  else
;;   0x0059    block
;;   0x005b      block
;;   0x005d        block
;;   0x005f          local.get 0
;;   0x0061          br_table 0 1 2 0
;;   0x0067        end
;;   0x0068        unreachable
;;   0x0069      end
;;   0x006a      nop
;;   0x006b    end
;;   0x006c    i32.const 0
;;   0x006e  end
;;   0x006f  i32.const 3
;;   0x0071  i32.const 0
;;   0x0073  call_indirect type[0] table[0]
;;   0x0076  i32.add
;;   0x0077  i32.const 2
;;   0x0079  block type[1]
;;   0x007b    i32.xor
;;   0x007c  end
;;   0x007d  local.get 0
;;   0x007f  loop type[0]
;;   0x0081    local.get 0
;;   0x0083    br_if 0
;;   0x0085  end
;;   0x0086  return
;;   0x0087  end
