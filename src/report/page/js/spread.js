// How figures are spread: the share of values that are not larger (ECDF), on a logarithmic axis.

/** Figures of exchanges: name in the report, title, column, and the name that `--slo` has for it. */
const FIGURES = [
  ["ttft_ms", "Time to first token", "ttft", "ttft"],
  ["itl_ms", "Gaps between deltas", null, "itl_p99"],
  ["tpot_ms", "Time per output token", "tpot", "tpot"],
  ["ttfb_ms", "Time to first byte", "ttfb", "ttfb"],
  ["ttft_content_ms", "Time to first text", "ttft_content", "ttft_content"],
  ["tail_ms", "After the last delta", "tail", null],
  ["duration_ms", "Duration", "duration", "duration"],
];
const DRAWN = 3;

/** The ascending values of a figure, in ms, of the selected exchanges; computed once for each selection. */
function valuesOf(column) {
  if (column === null && !isFiltered()) return gaps.ms;
  return once(column, () => selectedValues(column));
}

function selectedValues(column) {
  if (column === null) {
    const all = new Float64Array(gaps.ms.length);
    let n = 0;
    for (let i = 0; i < all.length; i++) {
      all[n] = gaps.ms[i];
      n += mask[gaps.owner[i]];
    }
    return all.subarray(0, n);
  }
  const of = X[column];
  const all = [];
  for (const n of chosen) if (of[n] !== null) all.push(of[n] / 1e6);
  return Float64Array.from(all).sort();
}

/** The report's own figures while nothing is filtered, else those of the selection. */
function figuresOf(name, column) {
  return isFiltered() ? once(`figures ${name}`, () => stats(valuesOf(column))) : doc.latency.overall[name];
}

function spreadSection() {
  const panels = FIGURES.slice(0, DRAWN).map(([name, title, column, objective]) =>
    panel(name, title, column, objective),
  );
  const below = el("div");
  const section = el(
    "section",
    { "aria-labelledby": "spread-title" },
    el(
      "header",
      {},
      el("h2", { id: "spread-title" }, "How they are spread"),
      el("p", {}, "share of values that are not larger; percentiles are nearest rank"),
    ),
    el(
      "div",
      { class: "three" },
      panels.map((p) => p.element),
    ),
    below,
  );
  onChange(() => {
    panels.forEach((p) => p.update());
    const columns = [
      ["", "wide"],
      ...["n", "min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"].map((title) => [title, "n"]),
    ];
    const rows = FIGURES.map(([name, title, column]) => {
      const waits = column === null && !records.ready && isFiltered();
      const s = waits ? stats([]) : figuresOf(name, column);
      return [title, count(s.n), ...[s.min, s.mean, s.p50, s.p90, s.p95, s.p99, s.p999, s.max].map(millis)];
    });
    fill(below, asTable("Order statistics", columns, rows));
  });
  return section;
}

function panel(name, title, column, objective) {
  const numbers = el("span", { class: "num" });
  let values = new Float64Array(0);
  let figures = stats([]);
  const limits = doc.objectives
    .filter(([figure, sign]) => figure === objective && sign === "<")
    .map(([, , limit]) => limit);
  const picture = canvas(title, 190, (context, width, height) => {
    const bottom = height - 24;
    const top = 18;
    if (values.length === 0) {
      label(
        context,
        column === null && !records.ready ? "reading the records …" : "no values",
        width / 2,
        height / 2,
        "soft",
        "center",
      );
      return;
    }
    const highest = Math.max(values[values.length - 1], ...limits, 1e-6);
    // Zeros are at the left edge.
    const least = values[notLarger(values, 0)] ?? highest;
    const from = Math.max(Math.min(least, ...limits, highest), highest / 1e6) * 0.9;
    const to = highest * 1.1;
    const scale = width / Math.log(to / from);
    const x = (ms) => Math.log(Math.max(ms, from) / from) * scale;
    const y = (share) => bottom - share * (bottom - top);
    for (const share of [0, 0.5, 1]) line(context, 0, y(share), width, y(share), "line");
    for (const at of logTicks(from, to, width)) line(context, x(at), bottom, x(at), bottom + 4, "line");
    axisLabels(
      context,
      logTicks(from, to, width).map((at) => [x(at), span(at * 1e6).replace(/\.0+(?=\D)/, "")]),
      height - 9,
      width,
    );
    context.beginPath();
    context.moveTo(0, y(0));
    for (let px = 0; px <= width; px++) {
      const share = notLarger(values, from * Math.exp(px / scale)) / values.length;
      context.lineTo(px, y(share));
    }
    context.strokeStyle = colour("accent");
    context.lineWidth = 2;
    context.lineJoin = "round";
    context.stroke();
    context.lineTo(width, y(0));
    context.closePath();
    context.globalAlpha = 0.08;
    context.fillStyle = colour("accent");
    context.fill();
    context.globalAlpha = 1;
    for (const [at, share, text] of [
      [figures.p50, 0.5, "p50"],
      [figures.p95, 0.95, "p95"],
    ]) {
      if (at === null) continue;
      line(context, x(at), y(share), x(at), bottom, "soft", 1, [2, 3]);
      context.fillStyle = colour("accent");
      context.beginPath();
      context.arc(x(at), y(share), 3.5, 0, 7);
      context.fill();
      const right = x(at) < width - 90;
      label(
        context,
        `${text} ${millis(at)}`,
        x(at) + (right ? 8 : -8),
        y(share) + (right ? (share > 0.9 ? 12 : 0) : -9),
        "ink",
        right ? "left" : "right",
      );
    }
    for (const limit of limits) {
      line(context, x(limit), top - 4, x(limit), bottom, "loss", 1.5, [5, 3]);
      const right = x(limit) < width - 80;
      label(
        context,
        `SLO ${millis(limit)}`,
        x(limit) + (right ? 5 : -5),
        bottom - 10,
        "loss",
        right ? "left" : "right",
      );
    }
  });
  const element = el(
    "figure",
    { class: "card" },
    el("figcaption", {}, el("h3", {}, title), numbers),
    picture.element,
  );
  const update = () => {
    values = column === null && !records.ready ? new Float64Array(0) : valuesOf(column);
    figures = column === null && !records.ready && isFiltered() ? stats([]) : figuresOf(name, column);
    numbers.textContent = figures.n ? `n ${count(figures.n)}` : "";
    const met =
      limits.length && values.length
        ? `, ${percent(notLarger(values, limits[0]) / values.length)} within ${millis(limits[0])}`
        : "";
    picture.element.setAttribute(
      "aria-label",
      [
        `${title}: ${count(figures.n)} values`,
        `median ${millis(figures.p50)}`,
        `95th percentile ${millis(figures.p95)}`,
        `99th ${millis(figures.p99)}`,
        `largest ${millis(figures.max)}${met}`,
      ].join(", "),
    );
    picture.draw();
  };
  return { element, update };
}
