// Tries the page in a headless Chromium, as people use it, and holds its samples to gan-cli's.
//
//   node lab.mjs PAGE GAN_CLI FOLDER
//
// PAGE is the folder that is served, GAN_CLI the program, FOLDER where runs and screenshots go.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import { chromium } from "playwright-core";

const [page_folder, cli, folder] = process.argv.slice(2).map((path) => resolve(path));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, "http://host").pathname);
  try {
    const bytes = readFileSync(join(page_folder, path === "/" ? "index.html" : path));
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/html" }).end(bytes);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const home = `http://127.0.0.1:${server.address().port}/`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** A page of its own at `hash`; whatever it complains about fails the test. */
async function open(hash = "", options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  const complaints = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(home + hash);
  await page.waitForSelector("body[data-ready]");
  page.end = async () => {
    assert.deepEqual(complaints, []);
    await context.close();
  };
  return page;
}

const iteration = async (page) => Number((await page.textContent("#iteration")).replace(/\D/g, ""));
const reaches = (page, step) => page.waitForFunction((step) => {
  const now = Number(document.getElementById("iteration").textContent.replace(/\D/g, ""));
  return now >= step;
}, step);
const shot = (page, name) => page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });

/** What a click on `selector` downloads. */
async function download(page, selector) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  const path = join(folder, file.suggestedFilename());
  await file.saveAs(path);
  return path;
}

const env = { ...process.env, GAN_INSTRUCTIONS: "portable", XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? folder };
const run = (...words) => execFileSync(cli, words, { env, cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const hash = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

const checks = [];
const check = (name, body) => checks.push([name, body]);

check("500 iterations have the program's own bits", async () => {
  for (const [preset, steps, ...sets] of [
    ["ring8", 500], ["figure1", 200], ["digits", 20, "data.count=600"],
    ["ring8-modern", 100, "data.source=moons"],
  ]) {
    // Pictures would take longer than the game.
    sets.push(`run.steps=${steps}`, "run.sample_every=0");
    const link = new URLSearchParams({ preset, to: steps });
    sets.forEach((set) => link.append("set", set));
    const page = await open(`#${link}`);
    await reaches(page, steps);
    assert.equal(await iteration(page), steps);
    await shot(page, preset);
    const file = await download(page, "#checkpoint");
    await page.end();
    const own = `native-${preset}`;
    run("train", preset, ...sets.flatMap((set) => ["--set", set]), "--device", "cpu", "--out", own);
    const name = `step-${String(steps).padStart(6, "0")}.safetensors`;
    assert.equal(hash(file), hash(join(folder, own, "checkpoints", name)), `${preset}: checkpoints`);
    const samples = ["page", "native"].map((who, i) => {
      run("sample", [file, own][i], "-n", "300", "--seed", "9", "--out", `${who}.npy`, "--overwrite", "--device", "cpu");
      return hash(join(folder, `${who}.npy`));
    });
    assert.equal(samples[0], samples[1], `${preset}: samples`);
  }
});

check("the controls change the game, and the link carries it", async () => {
  const page = await open();
  const before = await page.textContent("#command");
  assert.equal(before, "gan-cli train ring8");
  await page.selectOption("#data", "spirals");
  await page.getByLabel("k: steps of D for one of G").fill("3");
  await page.keyboard.press("Tab");
  await page.getByLabel("Loss", { exact: true }).selectOption("hinge");
  await page.getByText("Discriminator D", { exact: true }).click();
  await page.getByLabel("Activation").last().selectOption("maxout");
  await page.waitForFunction(() => document.getElementById("command").textContent.includes("maxout"));
  const command = await page.textContent("#command");
  for (const part of ["data.source=spirals", "game.discriminator_steps=3", "hinge", "pieces = 3"]) assert.ok(command.includes(part), command);
  await page.click("#play");
  await reaches(page, 60);
  await page.click("#play");
  const stopped = await iteration(page);
  await page.waitForTimeout(150);
  await page.click("#step");
  await page.waitForFunction((was) => Number(document.getElementById("iteration").textContent.replace(/\D/g, "")) > was, stopped);
  await page.click("#reset");
  await page.waitForFunction(() => document.getElementById("iteration").textContent === "0");
  const link = page.url();
  await shot(page, "controls");
  await page.end();
  const again = await open(new URL(link).hash);
  assert.equal(await again.textContent("#command"), command);
  await again.end();
});

check("a mistake is told in the trainer's words, and the game stays", async () => {
  const page = await open();
  await page.getByLabel("m: rows of a minibatch").fill("0");
  await page.keyboard.press("Tab");
  await page.waitForSelector("#problem:not([hidden])");
  const words = await page.textContent("#problem");
  assert.match(words, /--set game.minibatch=0: game.minibatch: found 0, expected/);
  assert.equal(await page.inputValue("#preset"), "ring8");
  await shot(page, "mistake");
  await page.click("#step");
  await reaches(page, 1);
  await page.end();
});

check("slow motion names the phases of Algorithm 1 as they happen", async () => {
  const page = await open("#preset=ring8&set=game.discriminator_steps%3D2&slow=1");
  const names = [];
  for (const expected of ["Sample z", "Sample x 1 of 2", "D's step 1 of 2", "Sample x 2 of 2", "D's step 2 of 2", "G's step"]) {
    await page.waitForFunction((title) => document.querySelector("#phases .now b")?.textContent === title, expected);
    names.push(expected);
  }
  await reaches(page, 1);
  await page.click("#slow");
  await shot(page, "phases");
  await page.end();
});

check("failures on purpose are found, and their cure begins a new game", async () => {
  const page = await open("#preset=fail-vanishing&to=3000");
  await page.waitForSelector(".findings button");
  const words = await page.textContent(".findings");
  assert.match(words, /D wins and G's gradient has vanished since step/);
  await shot(page, "vanishing");
  await page.click(".findings button");
  await page.waitForFunction(() => document.getElementById("command").textContent.includes("non-saturating"));
  await page.end();
});

check("points are drawn and learnt, and the program learns the same", async () => {
  const page = await open();
  await page.selectOption("#data", "drawn.csv");
  const box = await page.locator("#plane").boundingBox();
  await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.4 * box.height);
  await page.mouse.down();
  for (let i = 0; i <= 60; i++) await page.mouse.move(box.x + (0.3 + 0.006 * i) * box.width, box.y + (0.4 + 0.2 * Math.sin(i / 10)) * box.height);
  await page.mouse.up();
  await shot(page, "drawing");
  await page.click("#drawn");
  await page.waitForSelector("#table-file:not([hidden])");
  await page.click("#play");
  await reaches(page, 30);
  await page.click("#play");
  await shot(page, "drawn");
  const table = await download(page, "#table-file");
  const config = await download(page, "#config");
  const text = readFileSync(config, "utf8");
  assert.match(text, /source = "drawn.csv"/);
  run("train", config, "--steps", "10", "--device", "cpu", "--out", "native-drawn");
  assert.ok(readFileSync(table, "utf8").startsWith("x,y\n"));
  // And back: the page opens what the program has written.
  await page.setInputFiles("#file", join(folder, "native-drawn/checkpoints/step-000010.safetensors"));
  await page.waitForFunction(() => document.getElementById("iteration").textContent === "10");
  await page.setInputFiles("#file", config);
  await page.waitForFunction(() => document.getElementById("iteration").textContent === "0");
  await page.end();
});

check("a table is pasted", async () => {
  const page = await open("#preset=ring8");
  await page.selectOption("#data", "points.csv");
  const rows = Array.from({ length: 60 }, (_, i) => `${10 + Math.cos(i)};${5 * Math.sin(i)}`);
  await page.fill("#table", `width;height\n${rows.join("\n")}\n`);
  await page.click("#pasted");
  await page.waitForFunction(() => document.querySelector(".findings p")?.textContent.includes("training records are few"));
  await page.click("#step");
  await reaches(page, 1);
  await page.end();
});

check("narrow and dark", async () => {
  const page = await open("#preset=figure1&to=150", { viewport: { width: 400, height: 800 }, colorScheme: "dark" });
  await reaches(page, 150);
  await shot(page, "narrow-dark");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} pixels beyond the edge`);
  await page.end();
});

check("the lessons open the lab in a state that it knows", async () => {
  const page = await open();
  await page.goto(`${home}lessons.html`);
  await shot(page, "lessons");
  const links = await page.$$eval("a[href*='index.html#']", (all) => all.map((a) => a.getAttribute("href")));
  assert.ok(links.length >= 6, String(links));
  for (const link of links) {
    await page.goto("about:blank");
    await page.goto(home + link);
    await page.waitForSelector("body[data-ready]");
    assert.ok(await page.isHidden("#problem"), `${link}: ${await page.textContent("#problem")}`);
  }
  await page.end();
});

check("the page stays alive while it plays", async () => {
  const told = {};
  for (const preset of ["ring8", "digits"]) {
    const page = await open(`#preset=${preset}`);
    await page.click("#play");
    await page.waitForTimeout(1000);
    const frames = await page.evaluate(() => new Promise((done) => {
      const times = [];
      const tick = (now) => {
        times.push(now);
        if (now - times[0] < 3000) requestAnimationFrame(tick);
        else done({ rate: (1000 * (times.length - 1)) / (now - times[0]), longest: Math.max(...times.slice(1).map((t, i) => t - times[i])) });
      };
      requestAnimationFrame(tick);
    }));
    told[preset] = { frames: Math.round(frames.rate), longest_ms: Math.round(frames.longest), iterations: Math.round(Number(await page.getAttribute("body", "data-speed"))) };
    // A machine that does other things beside has fewer; a page that freezes has hardly any.
    assert.ok(frames.rate > 10, JSON.stringify(told));
    await page.end();
  }
  writeFileSync(join(folder, "speed.json"), JSON.stringify(told));
  console.log(`  a second, while training: ${JSON.stringify(told)}`);
});

let failed = 0;
const only = process.env.ONLY;
for (const [name, body] of checks) {
  if (only && !name.includes(only)) continue;
  const start = Date.now();
  try {
    await body();
    console.log(`ok      ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
await browser.close();
server.close();
process.exit(failed ? 1 : 0);
