// server.js PORT -- upper-cases a body as it arrives, for bench/programs.py.
'use strict';
require('http').createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
  request.on('data', (piece) => response.write(piece.toString('latin1').toUpperCase(), 'latin1'));
  request.on('end', () => response.end());
}).listen(Number(process.argv[2]), '127.0.0.1', () => {
  console.error(`listening on http://127.0.0.1:${process.argv[2]}\n`);
});
