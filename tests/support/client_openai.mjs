// openai (npm): prints every chunk of a stream as the library gives it. client_openai.mjs URL
// Node's own fetch takes no proxy from the environment before 22.21 and 24; undici's dispatcher does.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../target/npm/', import.meta.url));
const OpenAI = require('openai').default ?? require('openai');
const { EnvHttpProxyAgent, fetch } = require('undici');
const dispatcher = new EnvHttpProxyAgent();
const client = new OpenAI({
  baseURL: `${process.argv[2]}/v1`, apiKey: 'sk-0123456789abcdef', maxRetries: 0, fetch: (url, init) => fetch(url, { ...init, dispatcher }),
});
const stream = await client.chat.completions.create({ model: 'peer-1', stream: true, messages: [{ role: 'user', content: 'go' }] });
for await (const chunk of stream) console.log(JSON.stringify(chunk));
await dispatcher.close();
