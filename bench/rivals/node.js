// node.js PORT MODULE.wasm -- what `weir serve` does, in Node's http server: POST /FUNCTION with a
// JSON list of arguments calls the function in a fresh instance. GET / answers without any Wasm.
'use strict';
const module_ = new WebAssembly.Module(require('fs').readFileSync(process.argv[3]));

function reply(response, status, text) {
  response.writeHead(status, {
    'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

require('http').createServer({ keepAliveTimeout: 60000 }, (request, response) => {
  if (request.method === 'GET') return reply(response, 200, '42');
  let body = '';
  request.on('data', (piece) => { body += piece; });
  request.on('end', () => {
    const instance = new WebAssembly.Instance(module_, {});
    const result = instance.exports[request.url.slice(1)](...JSON.parse(body));
    reply(response, 200, JSON.stringify(result ?? null));
  });
}).listen(Number(process.argv[2]), '127.0.0.1', 4096);
