// One exchange on one axis of time: deliveries, chunks and records, pauses between them, marks and findings.

function exchangeView(n) {
  const zero = X.request_end[n] ?? X.begin[n];
  const d = records.ready ? detail(n) : { records: [], deliveries: [], chunks: [] };
  const marks = marksOf(n);
  const findings = (findingsOf.get(n) ?? []).map((i) => ({
    at: doc.findings.at[i] ?? lastOf(n),
    rule: doc.names.rule[doc.findings.rule[i]],
    level: doc.findings.level[i],
    record: doc.findings.record[i],
    message: doc.names.message[doc.findings.message[i]],
    count: doc.findings.count[i],
  }));
  const pauses = (pausesOf.get(n) ?? []).map((i) => ({
    from: doc.pauses.from[i],
    to: doc.pauses.to[i],
    cause: CAUSES[doc.pauses.cause[i]],
  }));
  const text = texts.get(n);
  const first = Math.min(X.begin[n], ...marks.map(([at]) => at));
  const last = Math.max(lastOf(n), ...marks.map(([at]) => at), first + 1000);
  const pad = (last - first) * 0.015;
  let view = [first - pad, last + pad];
  let selected = null;

  // ---- the picture
  const ROW = { marks: 0, phases: 1, segments: 2, chunks: 3, records: 4, pauses: 5, findings: 6 };
  const left = () => (innerWidth < 640 ? 62 : 84);
  let layout = { marks: [], findings: [], height: 0, y: {} };
  const arrange = (context, width) => {
    const room = width - left() - 6;
    const x = (t) => left() + ((t - view[0]) / (view[1] - view[0])) * room;
    const placed = (all) => {
      const rows = [];
      const out = [];
      for (const [at, name, what] of all) {
        const px = x(at);
        if (px < left() - 1 || px > width) continue;
        const wide = context.measureText(name).width + 8;
        const begin = px + wide > width ? px - wide : px;
        let row = rows.findIndex((end) => end + 8 <= begin);
        if (row < 0) row = rows.length < 5 ? rows.push(-Infinity) - 1 : 4;
        rows[row] = begin + wide;
        out.push({ px, begin, wide, row, name, what, before: px + wide > width });
      }
      return [out, Math.max(1, rows.length)];
    };
    const [above, up] = placed(marks.map(([at, name]) => [at, name]));
    const sorted = [...findings].sort((a, b) => a.at - b.at);
    const [below, down] = placed(sorted.map((f) => [f.at, f.rule, f]));
    const y = { marks: 0, phases: up * 18 + 6 };
    y.segments = y.phases + 24;
    y.chunks = y.segments + 38;
    y.records = y.chunks + 38;
    y.pauses = y.records + 42;
    y.findings = y.pauses + (pauses.length ? 26 : 6);
    const foot = y.findings + (findings.length ? down * 18 + 8 : 4);
    layout = { above, below, y, foot, height: foot + 24, up, x, room };
  };
  const scratch = el("canvas").getContext("2d");
  scratch.font = FONT;
  const tallOf = () => {
    arrange(scratch, picture?.element.clientWidth || 900);
    return layout.height;
  };
  const paint = (context, width, height) => {
    arrange(context, width);
    const { x, y, foot } = layout;
    const rowName = (name, at) => label(context, name, 0, at, "soft");
    rowName("phases", y.phases + 7);
    rowName("segments", y.segments + 15);
    rowName("chunks", y.chunks + 15);
    rowName("records", y.records + 15);
    if (pauses.length) rowName("pauses", y.pauses + 8);
    if (findings.length) rowName("findings", y.findings + 9);
    context.save();
    context.beginPath();
    context.rect(left() - 2, 0, width - left() + 2, height);
    context.clip();
    for (const mark of layout.above) line(context, mark.px, mark.row * 18 + 16, mark.px, foot, "line");
    for (const [name, from, to] of phases(n)) {
      context.fillStyle = colour(name);
      context.fillRect(x(from), y.phases, Math.max(1, x(to) - x(from) - 1), 14);
    }
    for (const p of pauses) {
      context.globalAlpha = 0.14;
      context.fillStyle = colour(p.cause);
      context.fillRect(x(p.from), y.segments - 4, x(p.to) - x(p.from), y.pauses - y.segments + 4);
      context.globalAlpha = 1;
      context.fillRect(x(p.from), y.pauses + 2, Math.max(2, x(p.to) - x(p.from)), 12);
      const said = `${span(p.to - p.from)} ${p.cause}`;
      const wide = context.measureText(said).width;
      if (x(p.to) - x(p.from) > wide + 12) {
        context.fillStyle = "#14191f";
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.fillText(said, (x(p.from) + x(p.to)) / 2, y.pauses + 8.5);
      }
    }
    // Height by the length, on a logarithmic scale; what is closer than a pixel is one stroke.
    const bar = (all, base, paintOne) => {
      const longest = Math.log2(
        1 + Math.max(1, ...[0].concat(all.length < 50000 ? all.map(paintOne.length_of) : [1 << 14])),
      );
      let drawn = -Infinity;
      for (const item of all) {
        const px = x(item.at);
        if (px < left() - 2 || px > width + 2) continue;
        const tall = 6 + 24 * (Math.log2(1 + paintOne.length_of(item)) / longest);
        context.fillStyle = paintOne.colour_of(item);
        const wide = Math.abs(px - drawn) < 1 ? 1 : 1.6;
        context.fillRect(px - wide / 2, base + 30 - tall, wide, tall);
        drawn = px;
      }
      line(context, left(), base + 30.5, width, base + 30.5, "line");
    };
    const [soft, lost, accent] = [colour("soft"), colour("error"), colour("accent")];
    bar(d.deliveries, y.segments, { length_of: (s) => s.length, colour_of: (s) => (s.missing ? lost : soft) });
    bar(d.chunks, y.chunks, { length_of: (c) => c.length, colour_of: (c) => (c.missing ? lost : accent) });
    const kinds = new Map(
      ["content", "reasoning", "tool", "terminator", "error", "other"].map((k) => [k, colour(k)]),
    );
    bar(d.records, y.records, { length_of: (r) => r.end - r.start, colour_of: (r) => kinds.get(kind(r.carries)) });
    if (selected !== null && d.records[selected]) {
      const px = x(d.records[selected].at);
      line(context, px, y.segments - 4, px, y.records + 34, "ink", 1.5);
      context.fillStyle = colour("ink");
      context.beginPath();
      context.moveTo(px - 5, y.records + 40);
      context.lineTo(px + 5, y.records + 40);
      context.lineTo(px, y.records + 33);
      context.fill();
    }
    context.restore();
    for (const mark of layout.above) {
      context.fillStyle = colour("ink");
      context.beginPath();
      context.arc(mark.px, mark.row * 18 + 9, 2.5, 0, 7);
      context.fill();
      label(context, mark.name, mark.before ? mark.begin : mark.px + 7, mark.row * 18 + 9, "ink");
    }
    for (const pin of layout.below) {
      const name = pin.what.level;
      line(context, pin.px, y.records + 30, pin.px, y.findings + pin.row * 18 + 9, name);
      context.fillStyle = colour(name);
      context.beginPath();
      context.arc(pin.px, y.findings + pin.row * 18 + 9, 3.5, 0, 7);
      context.fill();
      label(context, pin.name, pin.before ? pin.begin : pin.px + 7, y.findings + pin.row * 18 + 9, name);
    }
    line(context, left(), foot, width, foot, "line");
    const all = ticks(view[0] - zero, view[1] - zero, layout.room);
    for (const at of all) line(context, x(at + zero), foot, x(at + zero), foot + 4, "line");
    axisLabels(
      context,
      all.map((at) => [x(at + zero), at === 0 ? "0" : span(at)]),
      foot + 14,
      width,
    );
  };
  const moments = marks.map(([at, name]) => `${name} at ${span(at - zero)}`).join(", ");
  const counts = [
    many(d.records.length, "record", "records"),
    many(d.chunks.length, "chunk", "chunks"),
    many(d.deliveries.length, "segment", "segments"),
    many(pauses.length, "pause", "pauses"),
    many(findings.length, "finding", "findings"),
  ];
  const said = `Exchange ${X.id[n]}: ${moments}; ${counts.join(", ")}`;
  let picture = null;
  picture = canvas(said, tallOf, paint, { tabindex: "0", class: "brush" });

  // ---- choosing a record
  const panel = el("div", { class: "card" });
  const choose = (r, scroll = false) => {
    if (!d.records.length) return;
    selected = Math.max(0, Math.min(d.records.length - 1, r));
    const at = d.records[selected].at;
    if (at < view[0] || at > view[1]) {
      const half = (view[1] - view[0]) / 2;
      view = [at - half, at + half];
    }
    picture.draw();
    showRecord(panel, n, d, selected, zero, text, choose, scroll);
  };
  const zoom = (factor, around = (view[0] + view[1]) / 2) => {
    const least = 2000;
    const [from, to] = [around - (around - view[0]) * factor, around + (view[1] - around) * factor];
    view = to - from >= last - first + 2 * pad ? [first - pad, last + pad] : to - from < least ? view : [from, to];
    picture.draw();
  };
  const timeAt = (event) => {
    const px = event.clientX - picture.element.getBoundingClientRect().left;
    return view[0] + ((px - left()) / layout.room) * (view[1] - view[0]);
  };
  const nearest = (time) => {
    let [low, high] = [0, d.records.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (d.records[middle].at < time) low = middle + 1;
      else high = middle;
    }
    const before = d.records[low - 1];
    return before && (low === d.records.length || time - before.at < d.records[low].at - time) ? low - 1 : low;
  };
  let drag = null;
  picture.element.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event));
    },
    { passive: false },
  );
  picture.element.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, view: [...view], moved: false };
    picture.element.setPointerCapture(event.pointerId);
  });
  picture.element.addEventListener("pointermove", (event) => {
    if (drag) {
      const shift = ((event.clientX - drag.x) / layout.room) * (view[1] - view[0]);
      drag.moved ||= Math.abs(event.clientX - drag.x) > 4;
      if (drag.moved) {
        view = drag.view.map((t) => t - shift);
        picture.draw();
      }
      return;
    }
    const time = timeAt(event);
    const y = event.clientY - picture.element.getBoundingClientRect().top;
    const pin = layout.below.find(
      (p) =>
        y >= layout.y.findings &&
        event.offsetX >= p.begin - 6 &&
        event.offsetX <= p.begin + p.wide + 6 &&
        Math.abs(y - layout.y.findings - p.row * 18 - 9) < 9,
    );
    if (pin) return void tip(event, el("strong", {}, pin.name), ` ${pin.what.message}`);
    const pause = pauses.find(
      (p) => p.from <= time && time <= p.to && y > layout.y.segments && y < layout.y.findings,
    );
    if (pause) return void tip(event, el("strong", {}, span(pause.to - pause.from)), ` ${WHY[pause.cause]}`);
    const r = d.records[nearest(time)];
    if (!r || y < layout.y.segments) return void tip(event);
    tip(
      event,
      el("strong", {}, `record ${r.n}`),
      ` ${kind(r.carries)}, ${size(r.end - r.start)}, ${span(r.at - zero)} after the request`,
    );
  });
  picture.element.addEventListener("pointerleave", (event) => tip(event));
  picture.element.addEventListener("pointerup", (event) => {
    const moved = drag?.moved;
    drag = null;
    if (!moved) choose(nearest(timeAt(event)));
  });
  picture.element.addEventListener("keydown", (event) => {
    const keys = {
      ArrowRight: () => choose((selected ?? -1) + 1),
      ArrowLeft: () => choose((selected ?? 1) - 1),
      Home: () => choose(0),
      End: () => choose(d.records.length - 1),
      "+": () => zoom(0.6),
      "-": () => zoom(1 / 0.6),
      0: () => zoom(1e9),
    };
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  // ---- around it
  const press = (title, name, action) =>
    el("button", { class: "quiet", type: "button", "aria-label": name, click: action }, title);
  const facts = [
    [
      "Server",
      [...new Set([nameOf("host", X.host[n]), nameOf("server", X.server[n])])].filter((part) => part).join(", "),
    ],
    ["Client", nameOf("client", X.client[n])],
    ["Model", nameOf("model", X.model[n])],
    ["Dialect", nameOf("dialect", X.dialect[n])],
    [
      "HTTP",
      `${nameOf("version", X.version[n]) ?? "?"}${X.tls[n] ? " over TLS" : ""}, status ${X.status[n] ?? "none"}`,
    ],
    ["Verdict", nameOf("verdict", X.verdict[n])],
    ["Finish reason", nameOf("finish_reason", X.finish_reason[n])],
    ["Begin (UTC)", `${moment(BEGIN_MS + X.begin[n] / 1e6)}`],
    ["TTFB", span(X.ttfb[n])],
    ["TTFT", span(X.ttft[n])],
    ["TPOT", span(X.tpot[n])],
    ["Tail", span(X.tail[n])],
    ["Duration", span(X.duration[n])],
    ["Output tokens", X.output_tokens[n] === null ? null : count(X.output_tokens[n])],
    ["Body", size(X.bytes[n])],
    [
      "Session, connection",
      `${X.session[n]}, ${X.stream[n]}${X.h2_stream[n] === null ? "" : `, stream ${X.h2_stream[n]}`}`,
    ],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "–");
  const at = chosen.indexOf(n);
  const step = (by, title) => {
    const to = chosen[at + by];
    return at < 0 || to === undefined
      ? null
      : press(title, by < 0 ? "Previous exchange" : "Next exchange", () => openExchange(X.id[to]));
  };
  const title =
    [nameOf("method", X.method[n]), nameOf("path", X.path[n])].filter((part) => part !== null).join(" ") ||
    "request not captured";
  const box = byId("exchange");
  fill(
    box,
    el(
      "div",
      { class: "back" },
      press("← All exchanges", "Back to all exchanges", () => writeState({ x: null }, { step: true })),
      step(-1, "Previous"),
      step(1, "Next"),
    ),
    el(
      "section",
      { "aria-labelledby": "x-title" },
      el("header", {}, el("h2", { id: "x-title" }, `#${X.id[n]}  ${title}`)),
      el(
        "dl",
        { class: "facts" },
        facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
      ),
    ),
    el(
      "section",
      { "aria-labelledby": "x-time" },
      el(
        "header",
        {},
        el("h2", { id: "x-time" }, "On one axis of time"),
        el("p", {}, "from the request's end; click or use the arrow keys to choose a record, + and − to zoom"),
      ),
      el(
        "figure",
        { class: "card" },
        picture.element,
        el(
          "div",
          { class: "tools" },
          press("+", "Zoom in", () => zoom(0.6)),
          press("−", "Zoom out", () => zoom(1 / 0.6)),
          press("All", "All of the exchange", () => zoom(1e9)),
          legend([
            ["content", "text"],
            ["reasoning", "reasoning"],
            ["tool", "tool call"],
            ["terminator", "terminator"],
            ["other", "other"],
            ...[...new Set(pauses.map((p) => p.cause))].map((c) => [c, `pause: ${WHY[c]}`]),
          ]),
        ),
        asTable(
          "Marks",
          [
            ["Mark", "wide"],
            ["After the request", "n"],
          ],
          marks.map(([t, name]) => [name, span(t - zero)]),
        ),
        pauses.length
          ? asTable(
              "Pauses",
              [
                ["From", "n"],
                ["Length", "n"],
                ["Cause", "wide"],
              ],
              pauses.map((p) => [span(p.from - zero), span(p.to - p.from), WHY[p.cause]]),
            )
          : null,
      ),
    ),
    findings.length
      ? el(
          "section",
          { "aria-labelledby": "x-findings" },
          el("header", {}, el("h2", { id: "x-findings" }, "Findings")),
          el(
            "div",
            { class: "card" },
            table(
              "Findings",
              [
                ["Rule", "fixed"],
                ["Level", "fixed"],
                ["What", "wide"],
                ["At", "n"],
                ["Record", "n"],
              ],
              findings.map((f) => [
                f.rule,
                badge(f.level),
                f.count > 1 ? `${f.message} (${count(f.count)} places)` : f.message,
                span(f.at - zero),
                f.record === null
                  ? "–"
                  : el(
                      "button",
                      {
                        class: "link",
                        type: "button",
                        "aria-label": `Record ${f.record}`,
                        click: () => choose(f.record, true),
                      },
                      String(f.record),
                    ),
              ]),
            ),
          ),
        )
      : null,
    el(
      "section",
      { "aria-labelledby": "x-record" },
      el("header", {}, el("h2", { id: "x-record" }, "Record by record")),
      panel,
    ),
    ...textSections(n, d, text, zero, choose),
  );
  showRecord(panel, n, d, null, zero, text, choose);
  byId("overview").hidden = true;
  byId("filters").hidden = true;
  box.hidden = false;
  picture.draw();
  document.title = `#${X.id[n]} – sniff`;
}
