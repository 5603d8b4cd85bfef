"""test/fuzz/loops.py -- random modules of loops over arrays, as text: what wasm-opt's generator
hardly makes, and what the optimiser changes most (vectors, unrolling, hoisting, merged accesses).

Three arrays overlap in one page, some near its end, so that some loops run out of bounds. Floats
start from small integers and never become infinite, so that no NaN appears.
"""

ARRAYS = [0, 256, 260, 1024, 4096, 20000, 65000]
LOADS = {"i32": ["i32.load", "i32.load8_s", "i32.load8_u", "i32.load16_s", "i32.load16_u"],
         "i64": ["i64.load", "i64.load8_u", "i64.load16_s", "i64.load32_s", "i64.load32_u"]}
STORES = {"i32": ["i32.store", "i32.store8", "i32.store16"],
          "i64": ["i64.store", "i64.store8", "i64.store32"]}
BINARY = ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"]
COMPARE = ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "ge_u"]
FLOAT = ["add", "sub", "min", "max", "copysign"]


class Loops:
    """One module. Locals: $n trip count, $i index, $a $b i32, $c $d i64, $e f32, $f f64."""

    def __init__(self, rng):
        self.rng = rng

    def address(self):
        rng = self.rng
        index = rng.choice(["(local.get $i)", "(local.get $i)", "(local.get $i)",
                            "(i32.sub (local.get $n) (local.get $i))",
                            "(i32.and (local.get $a) (i32.const 1023))"])
        scale = rng.choice([0, 1, 2, 2, 2, 3, 3, 4])
        address = f"(i32.shl {index} (i32.const {scale}))"
        if rng.random() < 0.2:
            address = f"(i32.add {address} (i32.const {rng.choice(ARRAYS + [-4, -65536])}))"
        return f"offset={rng.choice(ARRAYS) + rng.choice([0, 0, 0, 1, 4, 8])} {address}"

    def leaf(self, kind):
        rng = self.rng
        if kind in ("i32", "i64"):
            names = {"i32": ["$a", "$b", "$i", "$n"], "i64": ["$c", "$d"]}[kind]
            constant = rng.choice([0, 1, -1, 2, 3, 7, 8, 31, 255, 65537, -128, 2147483647])
            return rng.choice([f"(local.get {rng.choice(names)})", f"({kind}.const {constant})",
                               f"({rng.choice(LOADS[kind])} {self.address()})",
                               f"(global.get $g{kind})"])
        small = f"({kind}.convert_i32_s (i32.load8_s {self.address()}))"
        name = {"f32": "$e", "f64": "$f"}[kind]
        return rng.choice([small, small, f"({kind}.const {rng.choice([0, 0.5, -1.25, 3])})",
                           f"({kind}.neg (local.get {name}))", f"(local.get {name})"])

    def condition(self, depth):
        kind = self.rng.choice(["i32", "i64"])
        left, right = self.value(kind, depth - 1), self.value(kind, depth - 1)
        return f"({kind}.{self.rng.choice(COMPARE)} {left} {right})"

    def value(self, kind, depth):
        rng = self.rng
        if depth <= 0 or rng.random() < 0.2:
            return self.leaf(kind)
        chosen = rng.random()
        if chosen < 0.12:
            return (f"(select {self.value(kind, depth - 1)} {self.value(kind, depth - 1)} "
                    f"{self.condition(depth)})")
        if kind == "i32" and chosen < 0.2:
            return f"(i32.wrap_i64 {self.value('i64', depth - 1)})"
        if kind == "i64" and chosen < 0.2:
            return f"(i64.extend_i32_{rng.choice('su')} {self.value('i32', depth - 1)})"
        if kind == "i32" and chosen < 0.25:
            return f"(i32.popcnt {self.value('i32', depth - 1)})"
        names = FLOAT if kind[0] == "f" else BINARY
        return (f"({kind}.{rng.choice(names)} {self.value(kind, depth - 1)} "
                f"{self.value(kind, depth - 1)})")

    def statement(self, depth):
        rng = self.rng
        chosen = rng.random()
        kind = rng.choice(["i32", "i32", "i64"])
        if chosen < 0.45:
            return f"({rng.choice(STORES[kind])} {self.address()} {self.value(kind, 2)})"
        if chosen < 0.7:
            name, kind = rng.choice([("$a", "i32"), ("$b", "i32"), ("$c", "i64"), ("$d", "i64")])
            return f"(local.set {name} {self.value(kind, 2)})"
        if chosen < 0.8:
            name, kind = rng.choice([("$e", "f32"), ("$f", "f64")])
            return f"(local.set {name} {self.value(kind, 2)})"
        if chosen < 0.85:
            return f"(global.set $g{kind} {self.value(kind, 1)})"
        if chosen < 0.9 and depth > 0:
            return f"(if {self.condition(1)} (then {self.statement(depth - 1)}))"
        if chosen < 0.93 and depth > 0:
            return f"(br_if $out {self.condition(1)})"
        if chosen < 0.96:
            return f"(local.set $b (call $leaf (local.get $b) {self.value('i32', 1)}))"
        kind = rng.choice(["f32", "f64"])
        return f"({kind}.store {self.address()} {self.value(kind, 1)})"

    def function(self, name):
        rng = self.rng
        step = rng.choice([1, 1, 1, 2, 3])
        count = rng.choice([0, 1, 5, 16, 33, 100, 250])
        body = "\n      ".join(self.statement(1) for _ in range(rng.randint(1, 5)))
        return f"""
  (func {name} (export "{name[1:]}") (param $n i32) (result i32 i64 f32 f64)
    (local $i i32) (local $a i32) (local $b i32) (local $c i64) (local $d i64)
    (local $e f32) (local $f f64)
    (local.set $n (i32.add (i32.and (local.get $n) (i32.const 7)) (i32.const {count})))
    (block $out (loop $again
      (br_if $out (i32.ge_u (local.get $i) (local.get $n)))
      {body}
      (local.set $i (i32.add (local.get $i) (i32.const {step})))
      (br $again)))
    (i32.xor (local.get $a) (local.get $b)) (i64.sub (local.get $c) (local.get $d))
    (local.get $e) (local.get $f))"""

    def module(self):
        rng = self.rng
        data = "".join(f"\\{rng.randrange(256):02x}" for _ in range(2048))
        leaf = f"""
  (func $leaf (param $a i32) (param $b i32) (result i32)
    (i32.store offset=512 (i32.and (local.get $a) (i32.const 255)) (local.get $b))
    (global.set $gi32 (i32.add (global.get $gi32) (local.get $a)))
    (i32.{rng.choice(BINARY)} (local.get $a) (local.get $b)))"""
        functions = "".join(self.function(f"$loop{i}") for i in range(rng.randint(1, 6)))
        return f"""(module
  (memory (export "memory") 1)
  (global $gi32 (mut i32) (i32.const 5)) (global $gi64 (mut i64) (i64.const -3))
  (data (i32.const 0) "{data}") (data (i32.const 4096) "{data}"){leaf}{functions})
"""


def make(rng):
    return Loops(rng).module()
