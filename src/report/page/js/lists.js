// What was recorded, how answers ended, which rules are broken, and the exchanges one by one.

/** Values of a figure under its name in the report's groups. */
function tile(title, value, sub, bad) {
  return el(
    "div",
    { class: "tile" },
    el("dt", {}, title),
    el("dd", { class: bad ? "bad" : null }, value, sub ? el("div", { class: "sub" }, sub) : null),
  );
}

function tilesSection() {
  const tiles = el("dl", { class: "tiles" });
  onChange(() => {
    const all = Array.from(chosen);
    const filtered = isFiltered();
    const figure = figuresOf;
    const failed = filtered ? all.filter((n) => X.failed[n]).length : doc.latency.overall.failed;
    const streams = all.filter((n) => X.streamed[n]).length;
    const [ttft, tpot, duration] = [
      figure("ttft_ms", "ttft"),
      figure("tpot_ms", "tpot"),
      figure("duration_ms", "duration"),
    ];
    const tokens = all.reduce((sum, n) => sum + (X.output_tokens[n] ?? 0), 0);
    const began = all.reduce((least, n) => Math.min(least, X.begin[n]), Infinity);
    const ended = all.reduce((last, n) => Math.max(last, lastOf(n)), -Infinity);
    const wall = (ended - began) / 1e9;
    const good = all.filter((n) => X.good[n]).length;
    fill(
      tiles,
      tile("Exchanges", count(all.length), `${count(streams)} streamed`),
      tile("Failed", count(failed), all.length ? percent(failed / all.length) : "", failed > 0),
      tile("TTFT, median", millis(ttft.p50), `p95 ${millis(ttft.p95)}`),
      tile("TPOT, median", millis(tpot.p50), `p95 ${millis(tpot.p95)}`),
      tile("Duration, median", millis(duration.p50), `p95 ${millis(duration.p95)}`),
      tile(
        "Output tokens",
        count(tokens),
        wall > 0 && tokens / wall > 0.05 ? `${(tokens / wall).toFixed(1)} per second` : "by usage figures",
      ),
      doc.objectives.length ? tile("Good", all.length ? percent(good / all.length) : "–", doc.latency.slo) : null,
    );
  });
  return tiles;
}

const LEVELS = ["error", "warning", "info"];
const badge = (level) =>
  el(
    "span",
    { class: `level ${LEVELS.includes(level) ? level : "info"}` },
    el("span", { "aria-hidden": "true" }, { error: "▲", warning: "◆", info: "●" }[level] ?? "●"),
    level,
  );

function findingsSection() {
  const verdicts = el("div");
  const rules = el("div");
  onChange(() => {
    const counted = new Map();
    for (const n of chosen) counted.set(X.verdict[n], (counted.get(X.verdict[n]) ?? 0) + 1);
    const sorted = [...counted].sort((a, b) => b[1] - a[1]);
    const choose = (name, value) =>
      el(
        "button",
        {
          class: "link",
          type: "button",
          click: () => writeState({ [name]: state[name] === value ? null : value }, { step: true }),
        },
        value,
      );
    fill(
      verdicts,
      table(
        "Verdicts",
        [
          ["Verdict", "wide"],
          ["n", "n"],
          ["Share", "n"],
        ],
        sorted.map(([v, n]) => [choose("verdict", nameOf("verdict", v)), count(n), percent(n / chosen.length)]),
      ),
    );
    const broken = new Map();
    doc.findings.exchange.forEach((n, i) => {
      if (!mask[n]) return;
      const rule = doc.findings.rule[i];
      const own = broken.get(rule) ?? { level: "info", exchanges: new Set(), places: 0 };
      if (LEVELS.indexOf(doc.findings.level[i]) < LEVELS.indexOf(own.level)) own.level = doc.findings.level[i];
      own.exchanges.add(n);
      own.places += doc.findings.count[i];
      broken.set(rule, own);
    });
    const worst = [...broken].sort(
      (a, b) => LEVELS.indexOf(a[1].level) - LEVELS.indexOf(b[1].level) || b[1].exchanges.size - a[1].exchanges.size,
    );
    fill(
      rules,
      worst.length
        ? table(
            "Findings by rule",
            [
              ["Rule", "fixed"],
              ["Level", "fixed"],
              ["What", "wide"],
              ["Exchanges", "n"],
              ["Places", "n"],
            ],
            worst.map(([rule, own]) => [
              choose("rule", doc.names.rule[rule]),
              badge(own.level),
              doc.rules[rule].summary ?? "",
              count(own.exchanges.size),
              count(own.places),
            ]),
          )
        : el("p", { class: "note" }, "No rule is broken."),
    );
  });
  return el(
    "section",
    { "aria-labelledby": "findings-title", id: "findings" },
    el("header", {}, el("h2", { id: "findings-title" }, "How answers ended, and what is wrong with them")),
    el(
      "div",
      { class: "two" },
      el("div", { class: "card" }, el("h3", {}, "Findings by rule"), rules),
      el("div", { class: "card" }, el("h3", {}, "Verdicts"), verdicts),
    ),
  );
}

/** Columns of the list: title, class, the value to sort by, and what is shown. */
const COLUMNS = [
  [
    "#",
    "n",
    (n) => X.id[n],
    (n) =>
      el(
        "a",
        {
          href: linkTo(X.id[n]),
          click: (e) => {
            e.preventDefault();
            openExchange(X.id[n]);
          },
        },
        String(X.id[n]),
      ),
  ],
  ["Begin", "n", (n) => X.begin[n], (n) => span(X.begin[n] - FIRST)],
  ["Server", "cut", (n) => nameOf("host", X.host[n]) ?? "", (n) => nameOf("host", X.host[n]) ?? ""],
  ["Model", "cut", (n) => nameOf("model", X.model[n]) ?? "", (n) => nameOf("model", X.model[n]) ?? ""],
  ["Path", "cut", (n) => nameOf("path", X.path[n]) ?? "", (n) => nameOf("path", X.path[n]) ?? ""],
  ["Status", "n", (n) => X.status[n] ?? 0, (n) => X.status[n] ?? "–"],
  ["TTFT", "n", (n) => X.ttft[n] ?? -1, (n) => span(X.ttft[n])],
  ["TPOT", "n", (n) => X.tpot[n] ?? -1, (n) => span(X.tpot[n])],
  ["Duration", "n", (n) => X.duration[n] ?? -1, (n) => span(X.duration[n])],
  ["Records", "n", (n) => X.records[n], (n) => count(X.records[n])],
  [
    "Verdict",
    null,
    (n) => nameOf("verdict", X.verdict[n]),
    (n) => el("span", { class: X.failed[n] ? "bad" : null }, nameOf("verdict", X.verdict[n])),
  ],
  ["Findings", "n", (n) => (findingsOf.get(n) ?? []).length, (n) => count((findingsOf.get(n) ?? []).length)],
];

function listSection() {
  const PAGE = 25;
  let [by, down, page] = [1, false, 0];
  const box = el("div", { class: "card" });
  const draw = () => {
    const value = COLUMNS[by][2];
    const sorted = Array.from(chosen).sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return (x < y ? -1 : x > y ? 1 : a - b) * (down ? -1 : 1);
    });
    const pages = Math.max(1, Math.ceil(sorted.length / PAGE));
    page = Math.min(page, pages - 1);
    const heads = COLUMNS.map(([title, kind], i) => {
      const press = el(
        "button",
        {
          type: "button",
          click: () => {
            [by, down, page] = [i, i === by ? !down : i > 5, 0];
            draw();
            box.querySelectorAll("th button")[i].focus();
          },
        },
        title,
        i === by ? (down ? " ↓" : " ↑") : "",
      );
      return el(
        "th",
        { scope: "col", class: kind, "aria-sort": i === by ? (down ? "descending" : "ascending") : null },
        press,
      );
    });
    const rows = sorted.slice(page * PAGE, (page + 1) * PAGE).map((n) =>
      el(
        "tr",
        {},
        COLUMNS.map(([, kind, , show]) => {
          const shown = show(n);
          return el("td", { class: kind, title: kind === "cut" ? shown : null }, shown);
        }),
      ),
    );
    const turn = (change, title, off) =>
      el(
        "button",
        {
          class: "quiet",
          type: "button",
          disabled: off,
          click: () => {
            page += change;
            draw();
            box.querySelector(".pager button:not([disabled])")?.focus();
          },
        },
        title,
      );
    fill(
      box,
      el(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "List of exchanges" },
        el(
          "table",
          {},
          el("caption", { class: "unseen" }, "Exchanges"),
          el("thead", {}, el("tr", {}, heads)),
          el("tbody", {}, rows),
        ),
      ),
      el(
        "p",
        { class: "pager" },
        turn(-1, "Previous", page === 0),
        turn(1, "Next", page + 1 >= pages),
        `${count(Math.min(sorted.length, page * PAGE + 1))} to ${count(Math.min(sorted.length, (page + 1) * PAGE))}`,
        ` of ${count(sorted.length)}`,
      ),
    );
  };
  onChange(() => {
    page = 0;
    draw();
  });
  return el(
    "section",
    { "aria-labelledby": "list-title" },
    el("header", {}, el("h2", { id: "list-title" }, "Exchanges")),
    box,
  );
}
