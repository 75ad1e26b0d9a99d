// Opens a page of `sniff report html` in Chromium and says what it does: page.mjs FILE [FILTER …]. Each FILTER is the
// fragment of an address; the figures that the page computes for it are in the answer, one JSON document.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [file, ...filters] = process.argv.slice(2);
const said = {
  console: [],
  requests: [],
  dialogs: 0,
  pictures: [],
  axe: [],
  figures: {},
  spent: {},
  selected: {},
  keyboard: {},
};
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });

async function open(options, hash = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.on("console", (m) => said.console.push(m.text()));
  page.on("pageerror", (e) => said.console.push(String(e)));
  page.on("dialog", (d) => {
    said.dialogs++;
    d.dismiss();
  });
  page.on("request", (r) => {
    if (r.url().split("#")[0] !== `file://${file}`) said.requests.push(r.url());
  });
  // A machine that is busy with other tests is slow; nothing here depends on time.
  page.setDefaultTimeout(120000);
  await page.goto(`file://${file}${hash}`, { waitUntil: "commit", timeout: 120000 });
  await page.waitForFunction(() => document.documentElement.dataset.ready, null, { timeout: 120000 });
  return page;
}

/** Each canvas that shows: its name, and how many colours it has. */
const pictures = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("canvas")]
      .filter((c) => c.offsetParent)
      .map((c) => {
        const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        return { name: c.getAttribute("aria-label"), colours: new Set(new Uint32Array(data.buffer)).size };
      }),
  );

const page = await open({});
said.pictures.push(...(await pictures(page)));
said.bars = await page
  .locator("svg[role=img]")
  .evaluateAll((all) => all.map((s) => ({ name: s.getAttribute("aria-label"), parts: s.childElementCount })));
for (const filter of ["", ...filters]) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, filter);
  await page.waitForTimeout(50);
  said.figures[filter] = await page.evaluate(() => window.sniffPage.figures());
  said.spent[filter] = await page.evaluate(() => window.sniffPage.spent());
  said.selected[filter] = await page.evaluate(() => window.sniffPage.selected());
}
// What captured text could have done.
said.ran = await page.evaluate(() => ({
  flag: window.ran ?? null,
  scripts: document.scripts.length,
  images: document.images.length,
  frames: frames.length,
}));
said.text = await page.evaluate(() => document.body.innerText);

// With keys only: from the top to the first exchange, into it, along its records, and back.
const keys = await open({});
for (let i = 0; i < 400; i++) {
  await keys.keyboard.press("Tab");
  if (await keys.evaluate(() => document.activeElement.matches("td a"))) break;
}
await keys.keyboard.press("Enter");
await keys.waitForSelector("#exchange:not([hidden])");
said.keyboard.opened = await keys.evaluate(() => document.activeElement.id);
for (let i = 0; i < 60; i++) {
  await keys.keyboard.press("Tab");
  if (await keys.evaluate(() => document.activeElement.tagName === "CANVAS")) break;
}
said.pictures.push(...(await pictures(keys)));
await keys.keyboard.press("Home");
await keys.keyboard.press("ArrowRight");
await keys.keyboard.press("+");
said.keyboard.chosen = await keys.evaluate(() => document.querySelector("[aria-pressed=true]")?.textContent ?? null);
said.keyboard.exchange = await keys.evaluate(() => document.getElementById("exchange").innerText);
await keys.keyboard.press("Escape");
said.keyboard.back = await keys.evaluate(() => !document.getElementById("overview").hidden);

for (const colorScheme of ["light", "dark"]) {
  for (const hash of ["", `#x=${said.selected[""][0]}`]) {
    // The checker runs beside the page's policy, which would forbid it.
    const checked = await open({ colorScheme, bypassCSP: true }, hash);
    await checked.evaluate(axe);
    const { violations } = await checked.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    for (const v of violations)
      said.axe.push({
        scheme: colorScheme,
        hash,
        impact: v.impact,
        id: v.id,
        nodes: v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ""}`),
      });
    await checked.context().close();
  }
}
await browser.close();
console.log(JSON.stringify(said));
