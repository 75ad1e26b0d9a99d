// What is selected. It stands in the fragment of the address, so that a link shows the same.

/** Facts by which exchanges are selected: name, title, and the value of one as text. */
const FACETS = [
  ["session", "Session", (n) => String(X.session[n])],
  ["host", "Host", (n) => nameOf("host", X.host[n])],
  ["server", "Server", (n) => nameOf("server", X.server[n])],
  ["model", "Model", (n) => nameOf("model", X.model[n])],
  ["dialect", "Dialect", (n) => nameOf("dialect", X.dialect[n])],
  ["path", "Path", (n) => nameOf("path", X.path[n])],
  ["status", "Status", (n) => (X.status[n] === null ? null : String(X.status[n]))],
  ["verdict", "Verdict", (n) => nameOf("verdict", X.verdict[n])],
  ["kind", "Answer", (n) => (X.streamed[n] ? "streamed" : "plain")],
];
const NONE = "(none)";

/** Filters by name; `from` and `to` in ns since the page's zero; `rule`; `x`: the id of the exchange that is open. */
let state = {};
/** Which exchanges are selected, and their positions. */
const mask = new Uint8Array(N);
let chosen = new Uint32Array(0);

const listeners = [];
const onChange = (listener) => listeners.push(listener);

function readState() {
  const names = new Set(["from", "to", "rule", "x", "view", ...FACETS.map(([name]) => name)]);
  const given = new URLSearchParams(location.hash.slice(1));
  state = {};
  for (const [name, value] of given) if (names.has(name) && value !== "") state[name] = value;
  for (const name of ["from", "to"]) {
    if (name in state && !Number.isFinite(Number(state[name]))) delete state[name];
  }
}

function writeState(change, { step = false } = {}) {
  const next = { ...state, ...change };
  for (const [name, value] of Object.entries(next))
    if (value === null || value === undefined || value === "") delete next[name];
  const hash = `#${new URLSearchParams(next)}`;
  if (step) history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
  apply();
}

function select() {
  const wanted = FACETS.filter(([name]) => name in state);
  const from = "from" in state ? Number(state.from) : -Infinity;
  const to = "to" in state ? Number(state.to) : Infinity;
  const rule = "rule" in state ? doc.names.rule.indexOf(state.rule) : null;
  let broken = null;
  if (rule !== null) {
    broken = new Set();
    doc.findings.rule.forEach((r, i) => r === rule && broken.add(doc.findings.exchange[i]));
  }
  const found = [];
  for (let n = 0; n < N; n++) {
    const is =
      X.begin[n] <= to &&
      lastOf(n) >= from &&
      (broken === null || broken.has(n)) &&
      wanted.every(([name, , of]) => (of(n) ?? NONE) === state[name]);
    mask[n] = is ? 1 : 0;
    if (is) found.push(n);
  }
  chosen = Uint32Array.from(found);
}

/** What was computed for the selection at hand, by its name. */
const known = new Map();
function once(name, compute) {
  if (!known.has(name)) known.set(name, compute());
  return known.get(name);
}

const isFiltered = () => chosen.length !== N;

function apply() {
  const began = performance.now();
  readState();
  select();
  known.clear();
  for (const listener of listeners) listener();
  window.sniffFilterMs = performance.now() - began;
}

/** The controls: one list of values for each fact of which there are several. */
function filterBar() {
  const bar = byId("filters");
  const controls = [];
  const splits = new Map();
  for (const [name, title, of] of FACETS) {
    const values = new Map();
    for (let n = 0; n < N; n++) {
      const value = of(n) ?? NONE;
      values.set(value, (values.get(value) ?? 0) + 1);
    }
    // What says the same as the one before it needs no control.
    const split = JSON.stringify([...values.values()].sort((a, b) => a - b));
    if (values.size < 2 || (name === "server" && split === splits.get("host"))) continue;
    splits.set(name, split);
    const sorted = [...values].sort((a, b) => b[1] - a[1]).slice(0, 500);
    const control = el(
      "select",
      { "aria-label": title, change: () => writeState({ [name]: control.value }) },
      el("option", { value: "" }, `${title}: all`),
      sorted.map(([value, n]) => {
        const option = el("option", {}, `${value} (${count(n)})`);
        option.value = value;
        return option;
      }),
    );
    controls.push([name, control]);
    bar.append(control);
  }
  const rule = el("button", {
    type: "button",
    class: "quiet",
    hidden: true,
    click: () => writeState({ rule: null }),
  });
  const time = el("button", {
    type: "button",
    class: "quiet",
    hidden: true,
    click: () => writeState({ from: null, to: null }),
  });
  const reset = el(
    "button",
    {
      type: "button",
      class: "quiet",
      hidden: true,
      click: () => {
        writeState(
          Object.fromEntries(["from", "to", "rule", ...FACETS.map(([name]) => name)].map((name) => [name, null])),
        );
        byId("main").focus();
      },
    },
    "Show all",
  );
  bar.append(rule, time, reset);
  onChange(() => {
    for (const [name, control] of controls) {
      control.value = state[name] ?? "";
      control.classList.toggle("on", name in state);
    }
    rule.hidden = !("rule" in state);
    rule.replaceChildren(`Rule ${clean(state.rule ?? "")} ✕`);
    rule.setAttribute("aria-label", `Remove the filter of rule ${clean(state.rule ?? "")}`);
    time.hidden = !("from" in state || "to" in state);
    const [from, to] = [Number(state.from ?? FIRST), Number(state.to ?? LAST)];
    time.replaceChildren(`${span(from - FIRST)} to ${span(to - FIRST)} ✕`);
    time.setAttribute("aria-label", "Remove the filter of time");
    reset.hidden = !isFiltered();
    byId("said").textContent = isFiltered()
      ? `${many(chosen.length, "exchange", "exchanges")} of ${count(N)} selected`
      : "";
  });
}

const linkTo = (id) => `#${new URLSearchParams({ ...state, x: id })}`;
function openExchange(id) {
  tip(null);
  writeState({ x: id }, { step: true });
  byId("main").focus();
  scrollTo(0, 0);
}
