// worker.js -- the same for workerd: POST /FUNCTION calls it in a fresh instance.
import guest from 'guest.wasm';

export default {
  async fetch(request) {
    const args = await request.json();
    const instance = new WebAssembly.Instance(guest, {});
    const result = instance.exports[new URL(request.url).pathname.slice(1)](...args);
    return new Response(JSON.stringify(result ?? null), {
      headers: { 'Content-Type': 'application/json' },
    });
  },
};
