dot: func(a: list<f32>, b: list<f32>) -> f64;
dot-halves: func(both: list<f32>) -> f64;
