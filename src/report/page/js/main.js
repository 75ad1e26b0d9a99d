// The page: what was recorded, then its parts; themes; the view that the address names.

function header() {
  const parts = [
    many(doc.sessions.length, "session", "sessions"),
    N ? `${moment(BEGIN_MS + FIRST / 1e6)} to ${moment(BEGIN_MS + LAST / 1e6).slice(11)} UTC` : null,
    many(N, "exchange", "exchanges"),
    many(doc.names.server.length, "server", "servers"),
    many(doc.names.model.length, "model", "models"),
  ];
  byId("about").textContent = parts.filter((part) => part).join("  ·  ");
  const sources = doc.sessions
    .slice(0, 20)
    .map((s) => [String(s.id), s.name ?? "", s.source, moment(s.started_ns / 1e6), count(s.exchanges), s.state]);
  byId("foot").append(
    el("h2", { class: "unseen" }, "About this page"),
    asTable(
      "Sessions",
      [
        ["#", "n"],
        ["Name", null],
        ["Source", "wide"],
        ["Begin (UTC)", null],
        ["Exchanges", "n"],
        ["State", null],
      ],
      sources,
    ),
    el("p", {}, doc.latency.definitions),
    el(
      "p",
      {},
      `Made by ${doc.made_by}. This file asks for nothing: no network, no storage. `,
      doc.text_bytes
        ? `It holds up to ${size(doc.text_bytes)} of each body, and heads.`
        : "It holds no text of requests and answers.",
    ),
  );
}

function themes() {
  const names = ["system", "light", "dark"];
  let at = 0;
  const button = byId("theme");
  const show = () => {
    if (names[at] === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = names[at];
    button.textContent = { system: "◐ System", light: "☀ Light", dark: "☾ Dark" }[names[at]];
    button.setAttribute("aria-label", `Theme: ${names[at]}. Change it`);
    redraw();
  };
  button.addEventListener("click", () => {
    at = (at + 1) % names.length;
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  matchMedia("print").addEventListener("change", redraw);
  show();
}

let shown = null;
function show() {
  const n = "x" in state ? place.get(Number(state.x)) : undefined;
  if (n === undefined) {
    byId("exchange").hidden = true;
    byId("exchange").replaceChildren();
    byId("overview").hidden = false;
    byId("filters").hidden = false;
    document.title = "sniff";
    if (shown !== null) redraw();
    shown = null;
  } else if (shown !== n) {
    shown = n;
    exchangeView(n);
  }
}

function start() {
  header();
  filterBar();
  byId("overview").append(
    tilesSection(),
    spentSection(),
    spreadSection(),
    lanesSection(),
    findingsSection(),
    listSection(),
  );
  byId("overview").hidden = false;
  themes();
  onChange(show);
  addEventListener("hashchange", apply);
  addEventListener("popstate", apply);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && "x" in state) writeState({ x: null }, { step: true });
  });
  apply();
  const target = { latency: "latency", findings: "findings" }[state.view ?? doc.view];
  if (target && !("x" in state)) byId(target).scrollIntoView();
  // The packed records stand behind this script: they are read when the first picture is on the screen.
  addEventListener("DOMContentLoaded", () => requestAnimationFrame(() => setTimeout(load)));
}

async function load() {
  try {
    await loadRecords();
    await loadTexts();
  } catch (error) {
    byId("said").textContent = `The records of this page could not be read: ${error}`;
    throw error;
  }
  shown = null;
  apply();
  document.documentElement.dataset.ready = "yes";
}
/** The figures that the page computes itself, for tests: all selected exchanges, whether or not a filter is on. */
window.sniffPage = {
  figures: () =>
    Object.fromEntries(
      FIGURES.map(([name, , column]) => [name, stats(Float64Array.from(selectedValues(column)).sort())]),
    ),
  spent: () => spentOf(chosen),
  selected: () => Array.from(chosen, (n) => X.id[n]),
};
start();
