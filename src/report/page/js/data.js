// The document, and the packed records beside it (docs/page.md).

const doc = JSON.parse(byId("document").textContent);
const X = doc.exchanges;
const N = X.id.length;
const BEGIN_MS = Number(BigInt(doc.begin_ns) / 1000000n);
const PARTS = ["request", "head", "first-token", "tokens", "tail", "body"];
const CAUSES = ["server", "loss", "window", "h2-window", "capture"];
const WHY = {
  server: "the server sent nothing",
  loss: "packets were lost and sent again",
  window: "the client did not read: its TCP window was closed",
  "h2-window": "the client's HTTP/2 window was closed",
  capture: "unknown: the capture lacks bytes",
};
const PART_NAMES = {
  request: "sending the request",
  head: "waiting for the head",
  "first-token": "head to first token",
  tokens: "tokens",
  tail: "tail",
  body: "body",
};
const nameOf = (list, n) => (n < 0 ? null : doc.names[list][n]);
const place = new Map(X.id.map((id, n) => [id, n]));
/** The last moment of an exchange. */
const lastOf = (n) => Math.max(X.begin[n], X.end[n] ?? X.request_end[n] ?? X.begin[n]);
let LAST = 0;
for (let n = 0; n < N; n++) LAST = Math.max(LAST, lastOf(n));
let FIRST = 0;
for (let n = 0; n < N; n++) FIRST = Math.min(FIRST, X.begin[n]);

/** For each exchange the positions of its entries in a list of facts. */
function byExchange(list) {
  const all = new Map();
  list.exchange.forEach((n, i) => (all.has(n) ? all.get(n).push(i) : all.set(n, [i])));
  return all;
}
const pausesOf = byExchange(doc.pauses);
const findingsOf = byExchange(doc.findings);

/** The phases of an exchange, as `Clocks::phases` of the program has them: [name, from, to]. */
function phases(n) {
  const streams = X.first_delta[n] !== null;
  const ends = [
    ["request", X.request_end[n]],
    ["head", X.head[n]],
    ["first-token", X.first_delta[n]],
    ["tokens", streams ? X.last_delta[n] : null],
    [streams ? "tail" : "body", X.end[n]],
  ];
  // Without a request the response's head begins.
  let at = X.request_end[n] !== null ? X.begin[n] : X.head[n];
  const all = [];
  for (const [name, end] of ends) {
    if (at === null || end === null || end < at) continue;
    all.push([name, at, end]);
    at = end;
  }
  return all;
}

/** Marks in order of time: [time, name]. */
function marksOf(n) {
  const told = nameOf("told", X.told[n]);
  const by = nameOf("by", X.by[n]);
  const all = [
    [X.request_end[n], "request's end"],
    [X.head[n], "head"],
    [X.first_delta[n], "first token"],
    [X.finish[n], "finish"],
    [X.terminator[n], "terminator"],
    [X.ended_at[n] ?? X.end[n], told ? `end: ${told} by ${by}` : "end"],
    [X.client_fin[n], "client's FIN"],
    [X.client_rst[n], "client's RST"],
    [X.server_fin[n], "server's FIN"],
    [X.server_rst[n], "server's RST"],
  ];
  return all.filter(([at]) => at !== null).sort((a, b) => a[0] - b[0]);
}

async function unpacked(id) {
  const text = byId(id).textContent;
  const parts = text
    .split("\n")
    .filter((line) => line)
    .map((line) => {
      if (Uint8Array.fromBase64) return Uint8Array.fromBase64(line);
      const binary = atob(line);
      const bytes = new Uint8Array(binary.length);
      for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
      return bytes;
    });
  byId(id).remove();
  if (parts.length === 0) return new Uint8Array(0);
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Whole numbers of seven bits a byte. Multiplication, because shifts end at 32 bits. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  next() {
    let byte = this.bytes[this.at++];
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let factor = 128;
    do {
      byte = this.bytes[this.at++];
      value += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte >= 0x80);
    return value;
  }
  folded() {
    const n = this.next();
    return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
  }
}

/** Records of all exchanges: times, what they carry, and where the rest of each exchange's numbers begins. */
const records = { ready: false, first: null, at: null, carries: null, rest: null, bytes: null };
/** Spans between deltas of all exchanges in ascending order (ms), and whose each is. */
const gaps = { ms: new Float64Array(0), owner: new Uint32Array(0) };
const texts = new Map();

const breath = () => new Promise((done) => setTimeout(done));

async function loadRecords() {
  const bytes = await unpacked("records");
  const first = new Uint32Array(N + 1);
  for (let n = 0; n < N; n++) first[n + 1] = first[n] + X.records[n];
  const at = new Float64Array(first[N]);
  const carries = new Uint8Array(first[N]);
  const rest = new Float64Array(N);
  const reader = new Reader(bytes);
  const keys = new BigUint64Array(first[N]);
  const halves = new Uint32Array(keys.buffer);
  // A key holds a span in its high bits and the exchange in the low ones, so that one sort orders both.
  const bits = Math.max(1, Math.ceil(Math.log2(N + 1)));
  const scale = 2 ** bits;
  let spans = 0;
  let began = performance.now();
  for (let n = 0; n < N; n++) {
    let time = X.begin[n];
    for (let r = first[n]; r < first[n + 1]; r++) at[r] = time += reader.folded();
    let before = null;
    for (let r = first[n]; r < first[n + 1]; r++) {
      carries[r] = bytes[reader.at++];
      if ((carries[r] & 7) === 0) continue;
      if (before !== null && at[r] >= before) {
        // Two exact halves: their whole has more bits than a double keeps. A span of days ends at what fits.
        const value = Math.min(at[r] - before, 2 ** (63 - bits) - 1);
        halves[2 * spans] = (value % 2 ** (32 - bits)) * scale + n;
        halves[2 * spans + 1] = Math.floor(value / 2 ** (32 - bits));
        spans++;
      }
      before = at[r];
    }
    const length = reader.next();
    rest[n] = reader.at;
    reader.at += length;
    if (performance.now() - began > 30) {
      await breath();
      began = performance.now();
    }
  }
  keys.subarray(0, spans).sort();
  await breath();
  gaps.ms = new Float64Array(spans);
  gaps.owner = new Uint32Array(spans);
  for (let i = 0; i < spans; i++) {
    const low = halves[2 * i];
    gaps.owner[i] = low % scale;
    gaps.ms[i] = (halves[2 * i + 1] * 2 ** (32 - bits) + Math.floor(low / scale)) / 1e6;
  }
  Object.assign(records, { ready: true, first, at, carries, rest, bytes });
}

/** Everything of one exchange: records with their ranges, deliveries with their units. */
function detail(n) {
  const reader = new Reader(records.bytes, records.rest[n]);
  const [from, to] = [records.first[n], records.first[n + 1]];
  const many = to - from;
  const deliveries = [];
  let time = X.begin[n];
  for (let i = 0; i < X.deliveries[n]; i++) deliveries.push({ n: i, at: (time += reader.folded()) });
  const starts = [];
  for (let i = 0; i < many; i++) starts.push(reader.folded());
  const all = [];
  let end = 0;
  for (let i = 0; i < many; i++) {
    const start = end + starts[i];
    end = start + reader.next();
    all.push({ n: i, at: records.at[from + i], carries: records.carries[from + i], start, end });
  }
  for (const delivery of deliveries) {
    const length = reader.next();
    Object.assign(delivery, { length: Math.floor(length / 2), missing: length % 2 === 1 });
  }
  let unit = 0;
  for (const delivery of deliveries) delivery.unit = unit += reader.folded();
  const chunks = [];
  for (const d of deliveries) {
    const last = chunks[chunks.length - 1];
    if (last && last.unit === d.unit)
      Object.assign(last, { at: d.at, length: last.length + d.length, missing: last.missing || d.missing });
    else chunks.push({ n: chunks.length, unit: d.unit, from: d.at, at: d.at, length: d.length, missing: d.missing });
  }
  return { records: all, deliveries, chunks };
}

/** What a record carries, as one word: the kinds of the report. */
function kind(carries) {
  if (carries & 16) return "error";
  if (carries & 1) return "content";
  if (carries & 2) return "reasoning";
  if (carries & 4) return "tool";
  return carries & 8 ? "terminator" : "other";
}

async function loadTexts() {
  if (!doc.text_bytes) return;
  const bytes = await unpacked("texts");
  if (bytes.length === 0) return;
  for (const text of JSON.parse(new TextDecoder().decode(bytes))) texts.set(text.exchange, text);
}
