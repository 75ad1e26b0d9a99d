// Drawing: colours of the style, canvases at the screen's density, axes.

/** The value of a colour of the style in the theme that is on. */
const colours = new Map();
const probe = el("span", { hidden: true });
document.body.append(probe);
function colour(name) {
  if (!colours.has(name)) {
    probe.hidden = false;
    probe.style.color = `var(--${name})`;
    colours.set(name, getComputedStyle(probe).color);
    probe.hidden = true;
  }
  return colours.get(name);
}

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

/** A canvas with a name for those who do not see it; `paint(context, width, height)` is called at each change. */
function canvas(name, height, paint, attributes = {}) {
  const element = el("canvas", { role: "img", "aria-label": name, ...attributes });
  const draw = () => {
    const width = element.clientWidth;
    if (!width) return;
    const tall = typeof height === "function" ? height() : height;
    const density = window.devicePixelRatio || 1;
    if (element.width !== Math.round(width * density) || element.height !== Math.round(tall * density)) {
      element.width = Math.round(width * density);
      element.height = Math.round(tall * density);
      element.style.height = `${tall}px`;
    }
    const context = element.getContext("2d");
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, tall);
    context.font = FONT;
    paint(context, width, tall);
  };
  drawings.push({ element, draw });
  observer.observe(element);
  return { element, draw };
}
let drawings = [];
const observer = new ResizeObserver((changes) => {
  for (const { target } of changes) drawings.find((d) => d.element === target)?.draw();
});
function redraw() {
  colours.clear();
  drawings = drawings.filter((d) => d.element.isConnected);
  for (const drawing of drawings) drawing.draw();
}

/** Ticks of a linear axis: about one for each `apart` pixels. */
function ticks(from, to, width, apart = 110) {
  const least = (to - from) / Math.max(1, width / apart);
  if (!(least > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= least);
  const all = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) all.push(Math.round(at / step) * step);
  return all;
}

/** Powers of ten between two values, and 2 and 5 times them where there is room. */
function logTicks(from, to, width) {
  const all = [];
  const dense = width / Math.max(0.3, Math.log10(to / from)) > 130;
  for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power++) {
    for (const factor of dense ? [1, 2, 5] : [1]) {
      const at = factor * 10 ** power;
      if (at >= from * 0.999 && at <= to * 1.001) all.push(at);
    }
  }
  return all;
}

function line(context, x1, y1, x2, y2, name, width = 1, dash = []) {
  context.strokeStyle = colour(name);
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
  context.setLineDash([]);
}

function label(context, text, x, y, name = "soft", align = "left") {
  context.fillStyle = colour(name);
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

/** Labels beside each other, within the width: each is moved to where it has room, or left out. */
function axisLabels(context, all, y, width, name = "soft") {
  let used = -Infinity;
  for (const [x, text] of all) {
    const wide = context.measureText(text).width;
    const begin = Math.min(Math.max(0, x - wide / 2), width - wide);
    if (begin < used + 10) continue;
    label(context, text, begin, y, name);
    used = begin + wide;
  }
}

const legend = (entries) =>
  el(
    "p",
    { class: "legend" },
    entries.map(([name, title]) =>
      el("span", {}, el("i", { class: "swatch", colour: name, "aria-hidden": "true" }), title),
    ),
  );

function tip(event, ...content) {
  const box = byId("tip");
  if (!content.length) {
    box.hidden = true;
    return;
  }
  fill(box, ...content);
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const x = Math.min(event.clientX + 14, innerWidth - width - 8);
  const y = event.clientY + 16 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 16;
  box.style.left = `${Math.max(8, x)}px`;
  box.style.top = `${Math.max(8, y)}px`;
}
