// Where the time went: the mean of each phase, by group.

const BY = doc.latency.by;

/** The key of an exchange's group, as the report groups: `by`, and whether it was streamed. */
function groupKey(n) {
  const of = (by) => {
    if (by === "status") return X.status[n];
    if (by === "session") return X.session[n];
    return nameOf(by, X[by][n]);
  };
  return JSON.stringify([...BY.map(of), X.streamed[n] === 1]);
}
const keyOfGroup = (group) => JSON.stringify([...BY.map((by) => group[by]), group.streamed]);
/** The position of each exchange's group. */
const groupOf = (() => {
  const at = new Map(doc.latency.groups.map((group, i) => [keyOfGroup(group), i]));
  return Int32Array.from(X.id, (_, n) => at.get(groupKey(n)) ?? -1);
})();
const groupName = (group) => {
  const parts = BY.map((by) =>
    group[by] === null ? null : by === "session" ? `session ${group[by]}` : String(group[by]),
  );
  return parts.filter((part) => part !== null).join(" · ") || "(not known)";
};

/** The same sums as the program's, of these exchanges: whole nanoseconds, divided at the end. */
function spentOf(all) {
  const parts = new Array(PARTS.length).fill(0);
  const pauses = new Array(CAUSES.length).fill(0);
  let exchanges = 0;
  for (const n of all) {
    const own = phases(n);
    if (own.length) exchanges++;
    for (const [name, from, to] of own) {
      const part = PARTS.indexOf(name);
      parts[part] += to - from;
      if (name !== "tokens") continue;
      for (const i of pausesOf.get(n) ?? []) {
        const [begin, end, cause] = [doc.pauses.from[i], doc.pauses.to[i], doc.pauses.cause[i]];
        if (begin < from || end > to) continue;
        parts[part] -= end - begin;
        pauses[cause] += end - begin;
      }
    }
  }
  const mean = (total) => (exchanges ? total / exchanges / 1e6 : 0);
  return { exchanges, parts_ms: parts.map(mean), pauses_ms: pauses.map(mean) };
}

/** Groups as the report has them: its own figures, or those of the selection. */
function spentGroups() {
  if (!isFiltered()) return doc.latency.groups.map((group, i) => [group, doc.spent.groups[i]]);
  const members = doc.latency.groups.map(() => []);
  for (const n of chosen) members[groupOf[n]]?.push(n);
  const all = doc.latency.groups.map((group, i) => [group, spentOf(members[i]), members[i].length]);
  return all.filter(([, , size]) => size > 0).sort((a, b) => b[2] - a[2]);
}

/** Name and mean of each part in the order of time; the pauses come after the tokens. */
function slices(spent) {
  const all = PARTS.map((name, i) => [name, PART_NAMES[name], spent.parts_ms[i]]);
  const pauses = CAUSES.map((name, i) => [name, `pause: ${WHY[name]}`, spent.pauses_ms[i]]);
  return [...all.slice(0, 4), ...pauses, ...all.slice(4)].filter(([, , ms]) => ms > 0);
}

function spentSection() {
  const bars = el("div", { class: "bars" });
  const notes = el("div");
  const MOST = 7;
  const section = el(
    "section",
    { "aria-labelledby": "spent-title", id: "latency" },
    el("header", {}, el("h2", { id: "spent-title" }, "Where the time went"), el("p", {}, "mean of each group")),
    el("div", { class: "card" }, bars, notes),
  );
  onChange(() => {
    const groups = spentGroups();
    const shown = groups.slice(0, MOST);
    const total = ([, spent]) => slices(spent).reduce((all, [, , ms]) => all + ms, 0);
    const most = Math.max(...shown.map(total), 1e-9);
    fill(
      bars,
      ...shown.map(([group, spent]) => {
        let x = 0;
        const own = slices(spent);
        const said = own.map(([, title, ms]) => `${title} ${millis(ms)}`).join(", ");
        const bar = svg(
          "svg",
          {
            height: 20,
            role: "img",
            "aria-label": `${groupName(group)}: ${said}`,
            preserveAspectRatio: "none",
            viewBox: "0 0 1000 20",
          },
          own.map(([name, title, ms]) => {
            const width = (ms / most) * 1000;
            const rect = svg("rect", {
              x,
              y: 0,
              width: Math.max(width - 1.5, 0.75),
              height: 20,
              colour: name,
              pointermove: (e) => tip(e, el("strong", {}, millis(ms)), ` ${title}`),
              pointerleave: (e) => tip(e),
            });
            x += width;
            return rect;
          }),
        );
        const name = el(
          "div",
          { class: "name", title: groupName(group) },
          groupName(group),
          el(
            "small",
            {},
            `${many(spent.exchanges, "exchange", "exchanges")}, ${group.streamed ? "streamed" : "plain"}`,
          ),
        );
        return el("div", { class: "bar-row" }, name, bar, el("div", { class: "num" }, millis(total([group, spent]))));
      }),
    );
    const used = new Map(shown.flatMap(([, spent]) => slices(spent)).map(([name, title]) => [name, title]));
    const order = [...PARTS.slice(0, 4), ...CAUSES, ...PARTS.slice(4)];
    const entries = order.filter((name) => used.has(name)).map((name) => [name, used.get(name)]);
    const columns = [["Group", "wide"], ["n", "n"], ...entries.map(([, title]) => [title, "n"]), ["All", "n"]];
    const rows = groups.slice(0, 200).map(([group, spent]) => {
      const of = new Map(slices(spent).map(([name, , ms]) => [name, ms]));
      return [
        groupName(group),
        count(spent.exchanges),
        ...entries.map(([name]) => millis(of.get(name) ?? 0)),
        millis(total([group, spent])),
      ];
    });
    const more =
      groups.length > MOST
        ? el(
            "p",
            { class: "note" },
            `${many(groups.length - MOST, "more group is", "more groups are")} in the table.`,
          )
        : null;
    fill(notes, legend(entries), ...(more ? [more] : []), asTable("Mean of each phase by group", columns, rows));
  });
  return section;
}
