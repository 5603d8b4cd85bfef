;; same: bulk operations that end at the last byte, and one beyond
(module
  (memory (export "memory") 1)
  (data $d "abcdefgh")
  (func (export "fill") (memory.fill (i32.const 65530) (i32.const 7) (i32.const 6)))
  (func (export "overfill") (memory.fill (i32.const 65530) (i32.const 7) (i32.const 7)))
  (func (export "copy") (memory.copy (i32.const 65500) (i32.const 65510) (i32.const 26)))
  (func (export "overcopy") (memory.copy (i32.const 65510) (i32.const 65500) (i32.const 27)))
  (func (export "init") (memory.init $d (i32.const 65528) (i32.const 0) (i32.const 8)))
  (func (export "overinit") (memory.init $d (i32.const 65528) (i32.const 1) (i32.const 8)))
  (func (export "dropped") (data.drop $d)
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))))
