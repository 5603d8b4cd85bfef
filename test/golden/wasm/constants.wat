;;! dump: --code
(module
  (func (result i32 i64 f32 f64 f32 f64 f32 f64)
    i32.const -2147483648
    i64.const 9223372036854775807
    f32.const 1e-45
    f64.const 5e-324
    f32.const nan:0x1
    f64.const -nan
    f32.const 3.4028234663852886e+38
    f64.const -0x1.fffffffffffffp+1023)
  (func (param f64) (result i32 i64 i32)
    local.get 0
    i32.trunc_sat_f64_u
    local.get 0
    i64.trunc_f64_s
    local.get 0
    f32.demote_f64
    i32.reinterpret_f32
    i32.extend8_s))
;;---
;; func[0] () -> (i32 i64 f32 f64 f32 f64 f32 f64), 61 bytes at 0x26
;;   0x0027  i32.const -2147483648
;;   0x002d  i64.const 9223372036854775807
;;   0x0038  f32.const 1.40129846e-45
;;   0x003d  f64.const 4.9406564584124654e-324
;;   0x0046  f32.const nan:0x1
;;   0x004b  f64.const -nan:0x8000000000000
;;   0x0054  f32.const 3.40282347e+38
;;   0x0059  f64.const -1.7976931348623157e+308
;;   0x0062  end
;; func[1] (f64) -> (i32 i64 i32), 14 bytes at 0x64
;;   0x0065  local.get 0
;;   0x0067  i32.trunc_sat_f64_u
;;   0x0069  local.get 0
;;   0x006b  i64.trunc_f64_s
;;   0x006c  local.get 0
;;   0x006e  f32.demote_f64
;;   0x006f  i32.reinterpret_f32
;;   0x0070  i32.extend8_s
;;   0x0071  end
