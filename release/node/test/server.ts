// A server whose streams are right or wrong, by the path.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';

function events(): string[] {
  const chunk = (delta: object, finish: string | null) => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
    const about = { object: 'chat.completion.chunk', created: 1764124490, model: 'm' };
    return `data: ${JSON.stringify({ id: 'chatcmpl-152e4edf8b024db393e7', ...about, choices })}\n\n`;
  };
  const words = ['At', ' noon', '.'].map((content) => chunk({ content }, null));
  return [chunk({ role: 'assistant', content: '' }, null), ...words, chunk({}, 'stop'), 'data: [DONE]\n\n'];
}

export interface Started {
  readonly url: string;
  stop(): void;
}

export async function serve(): Promise<Started> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const type = request.url?.startsWith('/wrong/') ? 'application/x-ndjson' : 'text/event-stream; charset=utf-8';
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' });
      for (const event of events()) response.write(event);
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

/** The text that the library reads from a stream. */
export async function ask(baseURL: string, content = 'When?'): Promise<string> {
  const client = new OpenAI({ baseURL, apiKey: 'sk-none', maxRetries: 0, timeout: 120_000 });
  const messages = [{ role: 'user' as const, content }];
  let text = '';
  for await (const chunk of await client.chat.completions.create({ model: 'm', messages, stream: true })) {
    for (const choice of chunk.choices) text += choice.delta.content ?? '';
  }
  return text;
}
