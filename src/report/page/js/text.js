// Text and elements. Captured text enters the page here only: as text nodes, with what is not seen written as escapes.

/** Controls, marks of direction and characters without width as escapes: what `sniff` does for a terminal. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;
const clean = (text) => String(text).replace(UNSEEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
/** The same with line ends and tabs as they are, for text in several lines. */
const lines = (text) => String(text).replace(UNSEEN, (c) => ("\n\t".includes(c) ? c : clean(c)));

/** An element: attributes by name, functions as listeners, `colour` as the name of a colour of the style. */
function make(space, tag, attributes, children) {
  const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "colour") element.style.setProperty(space ? "fill" : "background", `var(--${value})`);
    else element.setAttribute(name, value === true ? "" : clean(value));
  }
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : clean(child));
  }
  return element;
}
const el = (tag, attributes = {}, ...children) => make(null, tag, attributes, children);
const svg = (tag, attributes = {}, ...children) => make("http://www.w3.org/2000/svg", tag, attributes, children);
const byId = (id) => document.getElementById(id);
/** Puts these in place of what an element holds; what is null is left out. */
const fill = (element, ...children) =>
  element.replaceChildren(
    ...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false),
  );

/** A span in ns with three significant digits: `812 µs`, `20.1 ms`, `1.50 s`. */
function span(ns) {
  if (ns === null || ns === undefined || Number.isNaN(ns)) return "–";
  const sign = ns < 0 ? "−" : "";
  const size = Math.abs(ns);
  if (size < 1e3) return `${sign}${Math.round(size)} ns`;
  const [value, unit] = size < 1e6 ? [size / 1e3, "µs"] : size < 1e9 ? [size / 1e6, "ms"] : [size / 1e9, "s"];
  return `${sign}${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
}
const millis = (ms) => (ms === null || ms === undefined ? "–" : span(ms * 1e6));
const count = (n) => n.toLocaleString("en-US");
const many = (n, one, more) => `${count(n)} ${n === 1 ? one : more}`;
const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
/** UTC, to the second. */
const moment = (ms) => new Date(ms).toISOString().replace("T", " ").slice(0, 19);

/** A table with a caption for those who do not see the picture. `rows` holds texts, numbers or elements. */
function table(caption, columns, rows) {
  const cell = (value, n) => el("td", { class: columns[n][1] || null }, value);
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", { class: "unseen" }, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          columns.map(([title, kind]) => el("th", { scope: "col", class: kind || null }, title)),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((row) => el("tr", {}, row.map(cell))),
      ),
    ),
  );
}
const asTable = (caption, columns, rows) =>
  el("details", {}, el("summary", {}, `${caption}: table`), table(caption, columns, rows));
