// A server that speaks as language models do, for clients to be compared: HTTP/1.1 and HTTP/2 over TLS by ALPN, or HTTP/1.1 in clear.
// peer.mjs PORT [KEY CERT KEYLOG]; what it sends is the same for the same request, chunk by chunk.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createHash } from 'node:crypto';

const [port, key, cert, keylog] = process.argv.slice(2);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const sse = (data, event) => `${event ? `event: ${event}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const words = ['The', ' quick', ' brown', ' fox', ' – größer', ' als 🦊', '.'];

const chunk = (delta, finish = null) => ({
  id: 'chatcmpl-Gk31b0Zq77TnWxYc', object: 'chat.completion.chunk', created: 1767225600, model: 'peer-1',
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const chat = () => [
  sse(chunk({ role: 'assistant', content: '' })), ...words.map((content) => sse(chunk({ content }))), sse(chunk({}, 'stop')), sse('[DONE]'),
];
const messages = () => [
  sse({ type: 'message_start', message: { id: 'msg_01Xq', type: 'message', role: 'assistant', model: 'peer-1', content: [], stop_reason: null,
    stop_sequence: null, usage: { input_tokens: 9, output_tokens: 1 } } }, 'message_start'),
  sse({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }, 'content_block_start'),
  ...words.map((text) => sse({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }, 'content_block_delta')),
  sse({ type: 'content_block_stop', index: 0 }, 'content_block_stop'),
  sse({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 8 } }, 'message_delta'),
  sse({ type: 'message_stop' }, 'message_stop'),
];
const page = `<!doctype html><title>waiting</title><script>
const out = []; const source = new EventSource('/events');
source.onmessage = (e) => {
  if (e.data === '[DONE]') { source.close(); document.title = 'done'; fetch('/report', { method: 'POST', body: out.join('|') }); }
  else out.push(JSON.parse(e.data).choices[0].delta.content ?? '');
};
source.onerror = () => { fetch('/report', { method: 'POST', body: 'the stream failed' }); };
</script>`;

async function answer(request, response) {
  let body = Buffer.alloc(0);
  for await (const part of request) body = Buffer.concat([body, part]);
  const path = request.url.split('?')[0];
  const stream = path.endsWith('/messages') ? messages() : path.endsWith('/chat/completions') || path === '/events' ? chat() : null;
  if (path === '/page') {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(page);
  } else if (stream) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    for (const piece of stream) {
      response.write(piece);
      await wait(15);
    }
    response.end();
  } else if (path === '/report') {
    appendFileSync(`${keylog}.reports`, `${body}\n`);
    response.writeHead(204);
    response.end();
  } else if (path === '/echo') {
    // What upstream saw: the request as it came.
    const text = JSON.stringify({ method: request.method, url: request.url, headers: request.headers, sha256: createHash('sha256').update(body).digest('hex') });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  } else {
    response.writeHead(404, { 'content-type': 'text/plain' });
    response.end('no such thing\n');
  }
}

const handle = (request, response) => answer(request, response).catch(() => response.destroy?.());
const server = key
  ? createSecureServer({ key: readFileSync(key), cert: readFileSync(cert), allowHTTP1: true }, handle)
  : createServer(handle);
if (keylog) server.on('keylog', (line) => appendFileSync(keylog, line));
server.listen(Number(port), '127.0.0.1', () => console.error('listening'));
