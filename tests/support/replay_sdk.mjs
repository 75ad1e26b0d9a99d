// Asks for one stream with OpenAI's library for JavaScript and prints what its user gets: {text, finish, tokens}. Argument: base URL.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2] + "/v1", apiKey: "x", maxRetries: 0 });
let text = "", finish = null, tokens = null;
const stream = await client.chat.completions.create({
  model: "m", messages: [{ role: "user", content: "hello" }], stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  for (const choice of chunk.choices) {
    text += choice.delta?.content ?? "";
    finish = choice.finish_reason ?? finish;
  }
  tokens = chunk.usage?.completion_tokens ?? tokens;
}
console.log(JSON.stringify({ text, finish, tokens }));
