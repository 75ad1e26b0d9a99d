// Asks each base URL for one stream with OpenAI's library for JavaScript. Prints a JSON line for each: {text, finish, error, hangs}. Arguments: base URLs.
import OpenAI from "openai";

// A stream that says nothing for so long hangs; none of those that go on pauses as long.
const PATIENCE = 3000;
const SILENT = Symbol("silent");

const within = (promise) => {
  let timer;
  const silence = new Promise((done) => { timer = setTimeout(() => done(SILENT), PATIENCE); });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
};

async function read(url, got) {
  const client = new OpenAI({ baseURL: url + "/v1", apiKey: "x", maxRetries: 0 });
  const asked = client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hello" }], stream: true });
  const stream = await within(asked);
  if (stream === SILENT) return SILENT;
  const chunks = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = await within(chunks.next());
    if (next === SILENT) return SILENT;
    if (next.done) return null;
    for (const choice of next.value.choices) {
      got.text += choice.delta?.content ?? "";
      got.finish = choice.finish_reason ?? got.finish;
    }
  }
}

for (const url of process.argv.slice(2)) {
  const got = { text: "", finish: null, error: null, hangs: false };
  try {
    got.hangs = (await read(url, got)) === SILENT;
    if (got.hangs) got.error = "nothing came for too long";
  } catch (e) {
    got.error = `${e.name}: ${e.message}`;
  }
  console.log(JSON.stringify(got));
}
// A stream that hangs keeps its connection.
process.exit(0);
