record point { x: f64, y: f64 }
enum color { red, green, blue }
record mixed { color: color, on: bool, name: string, at: point, tags: list<string>, o: option<u8> }

echo-bytes: func(list: list<u8>) -> list<u8>;
echo-longs: func(list: list<u64>) -> list<u64>;
echo-floats: func(list: list<f32>) -> list<f32>;
echo-text: func(text: string) -> string;
echo-texts: func(texts: list<string>) -> list<string>;
echo-mixed: func(value: mixed) -> mixed;
echo-mixeds: func(values: list<mixed>) -> list<mixed>;
echo-char: func(c: char) -> char;
echo-color: func(c: color) -> color;
not: func(b: bool) -> bool;
add-u32: func(a: u32, b: u32) -> u32;
reverse: func(list: list<u16>) -> list<u16>;
mirror: func(p: point) -> point;
sum-many: func(a: tuple<s32, s32, s32, s32, s32, s32, s32, s32, s32>,
               b: tuple<s32, s32, s32, s32, s32, s32, s32, s32, s32>) -> s64;
sum-longs: func(list: list<s64>) -> s64;
spin-list: func(list: list<u8>);
trap-list: func(list: list<u8>);
bad-list: func() -> list<f32>;
bad-text: func() -> string;
bad-color: func() -> color;
bad-pointer: func() -> string;
much: func() -> list<list<u8>>;
