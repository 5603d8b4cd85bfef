// server.js PORT -- the same two dot products in Node's http server, for bench/typed.py.
'use strict';
const http = require('http');

function dot(a, b) {
  const len = Math.min(a.length, b.length);
  let sum = 0;
  for (let i = 0; i < len; i++) sum += a[i] * b[i];
  return sum;
}

const endpoints = {
  '/dot': (body) => dot(...JSON.parse(body.toString())),
  '/dot_halves': (body) => {
    const bytes = body.buffer.slice(body.byteOffset, body.byteOffset + body.length);
    const both = new Float32Array(bytes);
    return dot(both.subarray(0, both.length / 2), both.subarray(both.length / 2));
  },
};

http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const result = JSON.stringify(endpoints[request.url](Buffer.concat(pieces)));
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(result + '\n');
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => {
  console.error(`listening on http://127.0.0.1:${process.argv[2]}\n`);
});
