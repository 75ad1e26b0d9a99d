// Exchanges as lanes over time, the number of open ones below, and a brush that selects a time.

const MOST_LANES = 48;

/** The lane of each exchange: its connection's, or the first that is free where there are too many connections. */
function laneOfAll() {
  const lanes = new Int32Array(N);
  const order = Array.from({ length: N }, (_, n) => n).sort((a, b) => X.begin[a] - X.begin[b]);
  const known = new Map();
  const key = (n) => `${X.session[n]}/${X.stream[n]}`;
  for (const n of order) if (!known.has(key(n))) known.set(key(n), known.size);
  if (known.size <= MOST_LANES) {
    for (const n of order) lanes[n] = known.get(key(n));
    return { lanes, number: known.size, shared: false };
  }
  // A heap of free lanes is not needed: few are open at once.
  const ends = [];
  for (const n of order) {
    let lane = ends.findIndex((end) => end <= X.begin[n]);
    if (lane < 0) lane = ends.length;
    ends[lane] = lastOf(n);
    lanes[n] = lane;
  }
  return { lanes, number: ends.length, shared: true };
}

/** An axis of time without the long times in which nothing was open: each such time takes little room. */
function busyAxis(from, to) {
  const all = Array.from(chosen, (n) => [Math.max(from, X.begin[n]), Math.min(to, lastOf(n))]).filter(
    ([a, b]) => b >= a,
  );
  all.sort((a, b) => a[0] - b[0]);
  const parts = [];
  for (const [a, b] of all) {
    const last = parts[parts.length - 1];
    if (last && a <= last.to) last.to = Math.max(last.to, b);
    else parts.push({ from: a, to: b });
  }
  const busy = parts.reduce((sum, p) => sum + p.to - p.from, 0);
  const joined = [];
  for (const p of parts) {
    const last = joined[joined.length - 1];
    if (last && p.from - last.to <= Math.max(busy, 1000)) last.to = p.to;
    else joined.push({ ...p });
  }
  if (joined.length < 2) {
    const part = { from, to, begin: 0, end: 1 };
    return { parts: [part], share: (t) => (t - from) / (to - from), time: (share) => from + share * (to - from) };
  }
  const apart = Math.min(0.03, 0.5 / joined.length);
  const shown = joined.reduce((sum, p) => sum + p.to - p.from, 0) || 1;
  const room = 1 - apart * (joined.length - 1);
  let at = 0;
  for (const p of joined) {
    p.begin = at;
    // Each part is seen, however short it is.
    p.end = at += ((p.to - p.from) / shown) * room * 0.7 + (room * 0.3) / joined.length;
    at += apart;
  }
  const within = (name, value) => joined.find((p) => value <= p[name]) ?? joined[joined.length - 1];
  return {
    parts: joined,
    share: (t) => {
      const p = within("to", t);
      return p.begin + (Math.max(0, t - p.from) / Math.max(1, p.to - p.from)) * (p.end - p.begin);
    },
    time: (share) => {
      const p = within("end", share);
      return p.from + (Math.max(0, share - p.begin) / (p.end - p.begin)) * (p.to - p.from);
    },
  };
}

function lanesSection() {
  const { lanes, number, shared } = laneOfAll();
  const tall = Math.max(1, Math.min(16, Math.floor(300 / Math.max(1, number))));
  const height = Math.max(48, number * tall + 8);
  const step = height / Math.max(1, number);
  const view = () => [
    Number(state.from ?? FIRST),
    Math.max(Number(state.to ?? LAST), Number(state.from ?? FIRST) + 1000),
  ];
  let drag = null;
  let axis = busyAxis(FIRST, Math.max(LAST, FIRST + 1000));

  const paint = (context, width) => {
    const [from, to] = view();
    const x = (t) => axis.share(t) * width;
    const half = Math.max(1, step * 0.78);
    const box = (name, begin, end, y, tallness) => {
      if (end < from || begin > to) return;
      context.fillStyle = colour(name);
      const left = Math.max(0, x(begin));
      context.fillRect(left, y, Math.max(0.6, Math.min(width, x(end)) - left), tallness);
    };
    for (let n = 0; n < N; n++) {
      if (!mask[n] || lastOf(n) < from || X.begin[n] > to) continue;
      const y = lanes[n] * step + (step - half) / 2;
      // What is narrower than a pixel is one bar.
      if (x(lastOf(n)) - x(X.begin[n]) < 3) box(X.failed[n] ? "loss" : "tokens", X.begin[n], lastOf(n), y, half);
      else {
        for (const [name, begin, end] of phases(n)) box(name, begin, end, y, half);
        for (const i of pausesOf.get(n) ?? [])
          box(CAUSES[doc.pauses.cause[i]], doc.pauses.from[i], doc.pauses.to[i], y, half);
        if (X.failed[n]) {
          context.fillStyle = colour("error");
          context.fillRect(Math.min(width - 3, x(lastOf(n)) - 1), y - 1, 3, half + 2);
        }
      }
    }
    if (drag) shade(context, width, height);
  };
  const shade = (context, width, tallness) => {
    const [a, b] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    context.globalAlpha = 0.15;
    context.fillStyle = colour("accent");
    context.fillRect(a, 0, b - a, tallness);
    context.globalAlpha = 1;
    for (const at of [a, b]) line(context, at, 0, at, tallness, "accent");
  };

  /** Open exchanges over time, as steps: [time, how many]. */
  let steps = [];
  let most = 0;
  const countOpen = () => {
    const changes = [];
    for (const n of chosen) changes.push([X.begin[n], 1], [Math.max(lastOf(n), X.begin[n] + 1), -1]);
    changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let open = 0;
    most = 0;
    steps = changes.map(([at, change]) => {
      open += change;
      most = Math.max(most, open);
      return [at, open];
    });
  };
  const paintOpen = (context, width, tallness) => {
    const x = (t) => axis.share(t) * width;
    const bottom = tallness - 22;
    const y = (open) => bottom - (open / Math.max(1, most)) * (bottom - 6);
    // The highest of each pixel, so that no peak is lost.
    const peaks = new Float64Array(Math.ceil(width) + 1);
    let open = 0;
    let pixel = 0;
    for (const [at, now] of steps) {
      const until = Math.min(peaks.length - 1, Math.floor(x(at)));
      for (; pixel <= until; pixel++) peaks[pixel] = Math.max(peaks[pixel], open);
      if (until >= 0 && until < peaks.length) peaks[Math.max(0, until)] = Math.max(peaks[Math.max(0, until)], now);
      open = now;
    }
    line(context, 0, bottom, width, bottom, "line");
    context.beginPath();
    context.moveTo(0, bottom);
    peaks.forEach((value, px) => {
      context.lineTo(px, y(value));
      context.lineTo(px + 1, y(value));
    });
    context.lineTo(width, bottom);
    context.closePath();
    context.globalAlpha = 0.2;
    context.fillStyle = colour("accent");
    context.fill();
    context.globalAlpha = 1;
    label(context, `${count(most)} open at once`, 2, 10, "soft");
    // Each part between two cuts has its own zero; where there are several, its label is a time of day.
    const labels = [];
    for (const part of axis.parts) {
      const one = axis.parts.length === 1;
      if (!one) {
        line(context, part.begin * width, 0, part.begin * width, bottom + 4, "soft", 1, [2, 3]);
        labels.push([part.begin * width + 20, moment(BEGIN_MS + part.from / 1e6).slice(5, 16)]);
        continue;
      }
      for (const at of ticks(part.from - FIRST, part.to - FIRST, width)) {
        line(context, x(at + FIRST), bottom, x(at + FIRST), bottom + 4, "line");
        labels.push([x(at + FIRST), at === 0 ? "0" : long(at)]);
      }
    }
    axisLabels(context, labels, tallness - 9, width);
    if (drag) shade(context, width, tallness);
  };

  const picture = canvas("Lanes", height, paint, { class: "brush" });
  const curve = canvas("Open exchanges over time", 92, paintOpen, { class: "brush" });
  const at = (event) => {
    const rect = picture.element.getBoundingClientRect();
    return [Math.min(Math.max(event.clientX - rect.left, 0), rect.width), event.clientY - rect.top, rect.width];
  };
  const under = (event) => {
    const [px, py, width] = at(event);
    const time = axis.time(px / width);
    const slack = (axis.time((px + 2) / width) - axis.time((px - 2) / width)) / 2;
    const lane = Math.floor(py / step);
    let best = null;
    for (const n of chosen) {
      if (lanes[n] === lane && X.begin[n] - slack <= time && lastOf(n) + slack >= time) best = n;
    }
    return best;
  };
  const repaint = () => {
    picture.draw();
    curve.draw();
  };
  for (const { element } of [picture, curve]) {
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const [px] = at(event);
      drag = { from: px, to: px };
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", (event) => {
      if (drag) {
        drag.to = at(event)[0];
        repaint();
        return;
      }
      const n = element === picture.element ? under(event) : null;
      n === null ? tip(event) : tip(event, ...about(n));
    });
    element.addEventListener("pointerleave", (event) => tip(event));
    element.addEventListener("pointercancel", () => {
      drag = null;
      repaint();
    });
    element.addEventListener("pointerup", (event) => {
      if (!drag) return;
      const [a, b] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      drag = null;
      const width = at(event)[2];
      if (b - a > 4) {
        const time = (px) => Math.round(axis.time(px / width));
        writeState({ from: time(a), to: time(b) }, { step: true });
        return;
      }
      repaint();
      const n = element === picture.element ? under(event) : null;
      if (n !== null) openExchange(X.id[n]);
    });
  }
  // The same without a pointer: seconds since the first moment.
  const field = (title, name) => {
    const input = el("input", {
      type: "number",
      step: "any",
      min: "0",
      "aria-label": `${title}, seconds since the first moment`,
      placeholder: title,
      change: () =>
        writeState(
          { [name]: input.value === "" ? null : Math.round(Number(input.value) * 1e9 + FIRST) },
          { step: true },
        ),
    });
    onChange(() => {
      input.value = name in state ? String((Number(state[name]) - FIRST) / 1e9) : "";
    });
    return input;
  };
  const range = el("div", { class: "tools range" }, field("From (s)", "from"), field("To (s)", "to"));
  onChange(() => {
    countOpen();
    axis = busyAxis(...view());
    picture.element.setAttribute(
      "aria-label",
      [
        `${many(chosen.length, "exchange", "exchanges")} over ${span(LAST - FIRST)}`,
        many(number, shared ? "lane" : "connection", shared ? "lanes" : "connections"),
        `at most ${count(most)} open at once`,
      ].join(", "),
    );
    repaint();
  });
  const long = (ns) =>
    ns < 1.2e11 ? span(ns) : `${Math.floor(ns / 6e10)}:${String(Math.round(ns / 1e9) % 60).padStart(2, "0")} min`;
  const said = shared ? "a row is a place among those open at once" : "a row is a connection";
  return el(
    "section",
    { "aria-labelledby": "lanes-title" },
    el(
      "header",
      {},
      el("h2", { id: "lanes-title" }, "Over time"),
      el("p", {}, `${said}; drag to select a time, click to open an exchange`),
    ),
    el(
      "figure",
      { class: "card" },
      picture.element,
      curve.element,
      range,
      legend([
        ...PARTS.slice(1, 5).map((name) => [name, PART_NAMES[name]]),
        ["server", "pause"],
        ["error", "failed"],
      ]),
    ),
  );
}

/** A few words about an exchange, for a tip. */
function about(n) {
  return [
    el("strong", {}, `#${X.id[n]} ${nameOf("model", X.model[n]) ?? nameOf("path", X.path[n]) ?? ""}`),
    el("br"),
    `${nameOf("host", X.host[n]) ?? ""} ${X.status[n] ?? "no status"}, ${nameOf("verdict", X.verdict[n])}`,
    el("br"),
    `TTFT ${span(X.ttft[n])}, TPOT ${span(X.tpot[n])}, ${span(X.duration[n])} in all`,
  ];
}
