// What the functions of lists.wasm take and return, in WIT.
record point { x: f64, y: f64 }

dot: func(a: list<f32>, b: list<f32>) -> f64;
scale: func(values: list<f64>, by: f64) -> list<f64>;
upper: func(text: string) -> string;
center: func(points: list<point>) -> point;
distance: func(from: point, to: point) -> f64;
