// Records one by one: times and lengths of each, and text, bytes and heads if the page was made with them.

/** Bytes as offset, hexadecimal digits and characters, sixteen a line. */
function hex(bytes, from) {
  const out = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16));
    const digits = row
      .map((b) => b.toString(16).padStart(2, "0"))
      .join(" ")
      .padEnd(47);
    const shown = row.map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : "·")).join("");
    out.push(`${(from + at).toString(16).padStart(8, "0")}  ${digits}  ${shown}`);
  }
  return out.join("\n");
}

const bodies = new WeakMap();
function bodyOf(text) {
  if (!bodies.has(text))
    bodies.set(
      text,
      Uint8Array.from(atob(text.body), (c) => c.charCodeAt(0)),
    );
  return bodies.get(text);
}

/** The chosen record, and a table of those around it. */
function showRecord(box, n, d, selected, zero, text, choose, scroll = false) {
  const AROUND = 8;
  const words = new Map(text?.said ?? []);
  const marked = (findingsOf.get(n) ?? []).filter((i) => doc.findings.record[i] === selected);
  const middle = selected ?? AROUND;
  const from = Math.max(0, Math.min(middle - AROUND, d.records.length - 2 * AROUND - 1));
  const near = d.records.slice(from, from + 2 * AROUND + 1);
  const chunkOf = (r) => d.chunks.find((c) => c.at >= r.at)?.n;
  const rows = near.map((r) => [
    el(
      "button",
      {
        class: "link",
        type: "button",
        "aria-label": `Record ${r.n}`,
        "aria-pressed": r.n === selected ? "true" : "false",
        click: () => choose(r.n),
      },
      r.n === selected ? el("strong", {}, String(r.n)) : String(r.n),
    ),
    span(r.at - zero),
    r.n ? span(r.at - d.records[r.n - 1].at) : "–",
    count(r.end - r.start),
    chunkOf(r) ?? "–",
    kind(r.carries),
    words.get(r.n) ?? "",
  ]);
  const columns = [
    ["#", "n"],
    ["After the request", "n"],
    ["Since the one before", "n"],
    ["Bytes", "n"],
    ["Chunk", "n"],
    ["Carries", null],
    [text ? "Brings" : "", "wide"],
  ];
  const parts = [];
  if (!d.records.length)
    parts.push(el("p", { class: "note" }, records.ready ? "The answer has no records." : "Reading the records …"));
  else
    parts.push(
      table(`Records ${from} to ${from + near.length - 1} of ${d.records.length}`, columns, rows),
      el(
        "p",
        { class: "pager" },
        el(
          "button",
          {
            class: "quiet",
            type: "button",
            disabled: from === 0,
            click: () => choose(Math.max(0, (selected ?? AROUND) - 2 * AROUND)),
          },
          "Earlier",
        ),
        el(
          "button",
          {
            class: "quiet",
            type: "button",
            disabled: from + near.length >= d.records.length,
            click: () => choose((selected ?? AROUND) + 2 * AROUND),
          },
          "Later",
        ),
        `${count(d.records.length)} records`,
      ),
    );
  const r = selected === null ? null : d.records[selected];
  if (r && text && r.end <= bodyOf(text).length) {
    parts.push(
      el("h3", {}, `Bytes ${r.start} to ${r.end - 1} of the decoded body`),
      el(
        "pre",
        { class: "mono", tabindex: "0", "aria-label": "Bytes of the record" },
        ...hexLines(bodyOf(text).subarray(r.start, r.end), r.start),
      ),
    );
  }
  for (const i of marked)
    parts.push(
      el(
        "p",
        {},
        badge(doc.findings.level[i]),
        ` ${doc.names.rule[doc.findings.rule[i]]} `,
        doc.names.message[doc.findings.message[i]],
      ),
    );
  fill(box, ...parts);
  for (const part of document.querySelectorAll(".heat span"))
    part.classList.toggle("chosen", part.dataset.record === String(selected));
  if (scroll) box.scrollIntoView({ block: "nearest" });
}
const hexLines = (bytes, from) => [document.createTextNode(hex(bytes, from))];

/** Text coloured by how long each part let its reader wait; heads; the request. */
function textSections(n, d, text, zero, choose) {
  if (!text) {
    const why = doc.text_bytes
      ? "Nothing of this exchange's content was recorded."
      : "This page holds times, lengths, kinds and findings. " +
        "Text, bytes and heads are in a page made with --with-text BYTES.";
    return [el("section", {}, el("p", { class: "note" }, why))];
  }
  const out = [];
  const section = (id, title, said, ...content) =>
    el(
      "section",
      { "aria-labelledby": id },
      el("header", {}, el("h2", { id }, title), said ? el("p", {}, said) : null),
      ...content,
    );
  const words = text.said.filter(([r]) => d.records[r] && d.records[r].carries & 7);
  if (words.length) {
    let before = null;
    const spans = words.map(([r, said]) => {
      const at = d.records[r].at;
      const waited = before === null ? 0 : at - before;
      before = at;
      const part = el(
        "span",
        { title: `record ${r}, ${span(at - zero)}, waited ${span(waited)}`, click: () => choose(r) },
        document.createTextNode(lines(said)),
      );
      part.dataset.record = String(r);
      // From 20 ms on the longer the wait, the warmer.
      const heat = waited < 2e7 ? 0 : Math.min(1, Math.log10(waited / 2e7) / 2);
      if (heat > 0)
        part.style.background = `color-mix(in srgb, var(--server) ${Math.round(heat * 55)}%, transparent)`;
      return part;
    });
    out.push(
      section(
        "x-text",
        "Text",
        "the warmer, the longer its reader waited for it",
        el(
          "div",
          { class: "card" },
          el("div", { class: "heat", tabindex: "0", role: "region", "aria-label": "Text of the answer" }, spans),
        ),
      ),
    );
  }
  const head = (title, fields) =>
    fields.length
      ? el(
          "div",
          { class: "card" },
          el("h3", {}, title),
          table(
            title,
            [
              ["Field", "mono"],
              ["Value", "mono wide"],
            ],
            fields.map((f) => [f.name, f.value]),
          ),
        )
      : null;
  if (text.request_head.length || text.response_head.length) {
    out.push(
      section(
        "x-heads",
        "Heads",
        null,
        el("div", { class: "two" }, head("Request", text.request_head), head("Response", text.response_head)),
      ),
    );
  }
  if (text.request) {
    out.push(
      section(
        "x-request",
        "The request's body",
        `the first ${size(doc.text_bytes)} at most`,
        el(
          "div",
          { class: "card" },
          el(
            "pre",
            { class: "mono", tabindex: "0", "aria-label": "The request's body" },
            document.createTextNode(lines(text.request)),
          ),
        ),
      ),
    );
  }
  return out;
}
