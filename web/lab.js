// The page: what is played, what is shown, and what is asked of the game's thread.

import { build } from "./controls.js";
import * as draw from "./draw.js";
import { format, parse } from "./link.js";

const $ = (id) => document.getElementById(id);

// What each kind of data shows; the words of a layer are its legend.
const LAYERS = {
  plane: {
    surface: ["D", "heat-data"], optimum: ["D* in its place", "heat-samples"], data: ["data", "data"],
    samples: ["samples", "samples"], manifold: ["G's grid", "grid"], pull: ["G's pull", "ink"],
    wide: ["farther out", null],
  },
  axis: {
    data: ["p_data", "data"], samples: ["p_g", "samples"], surface: ["D", "ink"],
    optimum: ["D*", "soft"], manifold: ["z to x", "grid"],
  },
  sheet: {},
};
const HIDDEN = { plane: ["optimum", "wide"], axis: [], sheet: [] };
const LOOKS = {
  plane: { samples: 600, surface: 48, manifold: 21, pull: true },
  axis: { axis: 160 },
  sheet: { samples: 64 },
};
const FAR_LOOKS = { plane: { optimum: 40 }, axis: {}, sheet: {} };
const CAPTIONS = {
  plane: "Blue ground: D takes it for data; orange: for samples; D is undecided where the ground is plain. Arrows: where G's objective would have moved the samples of its last update.",
  axis: "As in the paper's Figure 1: p_data (dotted), p_g, D (dashed) and the best D for this G, D* = p_data / (p_data + p_g). Below, G maps even steps of z to x.",
  sheet: "Samples of G, always of the same 64 latents.",
};
const PHASES = [
  ["latents", "Sample z", (c) => `${c.game.updates === "simultaneous" ? c.game.discriminator_steps : c.game.discriminator_steps + 1} minibatches of ${c.game.minibatch} latents are drawn from p_z, and G makes samples of them`],
  ["data", "Sample x", (c) => `a minibatch of ${c.game.minibatch} records is drawn from the data`],
  ["discriminator", "D's step", () => "D ascends the gradient of its objective, to tell the records from the samples"],
  ["generator", "G's step", () => "G descends the gradient of its objective, which comes to it through the D that has just moved"],
  ["both", "Both step", () => "D and G move at once, from the same samples and the same parameters"],
];
const SLOW_MS = 650;
// How much more of the plane is seen from farther out.
const WIDE = 5;
// Where points are drawn.
const CANVAS = [[-1.5, 1.5], [-1.5, 1.5]];

let setup = parse(location.hash);
let game = null;
let kind = "plane";
let seen = {};
let shown = new Set();
let history = fresh();
let speed = null;
let playing = false;
// Where playing stops, if a link says so.
let goal = null;
let beyond = false;
let slow = null;
let form = null;
let points = [];
let dirty = false;
let catalogue = null;

function fresh() {
  return { lines: [], divergence: [], best: [], value: [] };
}

// The game's thread ---------------------------------------------------------------------------

const worker = new Worker("worker.js");
const waiting = new Map();
let asked = 0;

function ask(request, file = null) {
  const id = ++asked;
  worker.postMessage({ ask: request, id, file });
  return new Promise((resolve) => waiting.set(id, resolve));
}

worker.onmessage = ({ data }) => {
  if (data.ready) start();
  else if (data.failed) fail(data.failed);
  else if (data.state) take(data.state);
  else {
    waiting.get(data.id)?.({ ...data.answer, file: data.file });
    waiting.delete(data.id);
  }
};
worker.onerror = (event) => fail(event.message ?? "the worker cannot be started");
worker.postMessage({ load: "gan_web.wasm" });

function fail(message) {
  playing = false;
  say({ message: `The trainer has ended: ${message}`, hint: "load this page again; in a folder on your disk it needs a web server, such as python3 -m http.server" });
  transport(false);
}

async function start() {
  catalogue = await ask({ do: "catalogue" });
  form = build($("form"), catalogue, { changed, chosen, config: () => game.config });
  await begin();
  $("file").disabled = false;
  document.body.dataset.ready = "1";
}

// Opening a game --------------------------------------------------------------------------------

const encoded = (text) => new TextEncoder().encode(text);

/** Opens what `setup` describes; false, with the trainer's words shown, if it cannot be. */
async function begin({ from = null, checkpoint = null } = {}) {
  const table = setup.table ? encoded(setup.table) : null;
  let answer;
  if (checkpoint) {
    const content = table ?? new Uint8Array(0);
    const file = new Uint8Array(content.length + checkpoint.bytes.length);
    file.set(content);
    file.set(checkpoint.bytes, content.length);
    answer = await ask({ do: "resume", name: checkpoint.name, content: content.length }, file);
  } else {
    const sets = [...setup.sets].map(([key, value]) => `${key}=${value}`);
    const request = { do: "open", preset: setup.preset, sets };
    if (setup.text) request.text = setup.text;
    answer = await ask(request, table);
  }
  if (answer.error) {
    say(answer.error);
    if (from) setup = from;
    if (game) form.show(game.config, setup.sets);
    return false;
  }
  pause();
  game = answer;
  if (checkpoint) setup = { ...setup, preset: checkpoint.name, text: game.text, sets: new Map() };
  kind = game.image ? "sheet" : { 1: "axis", 2: "plane" }[game.cols] ?? "sheet";
  history = fresh();
  seen = {};
  speed = null;
  beyond = game.step >= game.steps;
  layers();
  say(null);
  $("findings").replaceChildren();
  for (const note of game.notes) remark(note);
  form.show(game.config, setup.sets);
  $("preset").value = setup.text ? "" : setup.preset;
  const preset = catalogue.presets.find((p) => p.name === setup.preset && !setup.text);
  const own = preset?.source === game.config.data.source;
  const name = setup.preset;
  if (own) $("summary").textContent = preset.summary.replace(/[^?.]$/, "$&.");
  else $("summary").textContent = preset ? `Players and rules of ${name}, on other data.` : `The configuration of ${name}.`;
  $("seed").value = game.config.seed;
  $("command").textContent = command();
  $("table-file").hidden = !setup.table;
  $("table-file").textContent = game.config.data.source;
  $("drawing").hidden = $("pasting").hidden = true;
  $("plane").classList.remove("paints");
  const pictureless = `Records of ${game.cols} values have no picture here: the numbers and curves tell how the game goes.`;
  $("caption").textContent = kind === "sheet" && !game.image ? pictureless : CAPTIONS[kind];
  $("divergence-figure").hidden = kind === "sheet";
  phases(null);
  transport(true);
  remember();
  await look({ data: kind === "plane" ? 1500 : 0 });
  if (setup.to) play({ until: setup.to });
  if (setup.slow) slowly(true);
  setup.to = null;
  setup.slow = false;
  return true;
}

function command() {
  if (game.command) return game.command;
  return "gan-cli train config.toml";
}

function remember() {
  const all = LAYERS[kind];
  const usual = Object.keys(all).filter((name) => !HIDDEN[kind].includes(name));
  const same = usual.length === shown.size && usual.every((name) => shown.has(name));
  const hash = format({ ...setup, show: same ? null : [...shown] });
  if (hash !== location.hash) window.history.replaceState(null, "", hash);
}

window.addEventListener("hashchange", () => {
  setup = parse(location.hash);
  if (form) begin();
});

// Controls --------------------------------------------------------------------------------------

async function changed(flags) {
  const from = { ...setup, sets: new Map(setup.sets) };
  for (const [key, value] of Object.entries(flags)) {
    if (value === null || value === undefined) setup.sets.delete(key);
    else setup.sets.set(key, String(value));
  }
  await begin({ from });
}

async function chosen(what, value) {
  if (what === "preset") {
    setup = { preset: value, text: null, sets: new Map(), table: null, show: null };
    await begin();
    return;
  }
  if (value === "drawn.csv") return sketching();
  if (value === "points.csv") return pasting();
  await data(value, null);
}

/** The same game on other data; of another form, the preset that learns it. */
async function data(source, table) {
  const from = { ...setup, sets: new Map(setup.sets) };
  const form = { figure1: "axis", bells: "axis", digits: "sheet" }[source] ?? "plane";
  if (form !== kind || setup.text) {
    const preset = { axis: "figure1", sheet: "digits", plane: "ring8" }[form];
    setup = { preset, text: null, sets: new Map(), table: null, show: null };
  }
  const own = catalogue.presets.find((p) => p.name === setup.preset);
  setup.table = table;
  if (own?.source === source) setup.sets.delete("data.source");
  else setup.sets.set("data.source", source);
  return begin({ from });
}

function sketching() {
  pause();
  slowly(false);
  points = [];
  $("drawing").hidden = false;
  $("pasting").hidden = true;
  $("plane").classList.add("paints");
  dirty = true;
}

function pasting() {
  $("pasting").hidden = false;
  $("table").focus();
}

function paint(event) {
  if ($("drawing").hidden || !(event.buttons & 1)) return;
  const box = $("plane").getBoundingClientRect();
  const to = draw.scales($("plane"), CANVAS);
  const [x, y] = to.invert(event.clientX - box.left, event.clientY - box.top);
  // A pen of some width: three points within it.
  for (let i = 0; i < 3; i++) {
    const [angle, radius] = [2 * Math.PI * Math.random(), 0.06 * Math.sqrt(Math.random())];
    points.push(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  dirty = true;
}
$("plane").addEventListener("pointerdown", (event) => {
  if ($("drawing").hidden) return;
  $("plane").setPointerCapture(event.pointerId);
  paint(event);
});
$("plane").addEventListener("pointermove", paint);
$("clear").onclick = () => { points = []; dirty = true; };
$("drawn").onclick = () => {
  if (points.length < 40) {
    say({ message: `Found ${points.length / 2} points, expected at least 20.`, hint: "draw some more" });
    return;
  }
  const rows = [];
  for (let i = 0; i < points.length; i += 2) rows.push(`${points[i].toFixed(3)},${points[i + 1].toFixed(3)}`);
  data("drawn.csv", `x,y\n${rows.join("\n")}\n`);
};
$("pasted").onclick = () => data("points.csv", $("table").value);

$("seed").onchange = () => {
  const seed = $("seed").value;
  if (seed !== "") changed({ seed });
};

// Playing ---------------------------------------------------------------------------------------

function transport(able) {
  for (const id of ["play", "step", "phase", "slow", "reset", "seed"]) $(id).disabled = !able;
}

function play({ until = null } = {}) {
  slowly(false);
  playing = true;
  goal = until;
  $("play").textContent = "Pause";
  phases(null);
  worker.postMessage({ play: { until, beyond, look: wanted(), farLook: FAR_LOOKS[kind] } });
}

function pause() {
  if (playing) worker.postMessage({ pause: true });
  playing = false;
  $("play").textContent = "Play";
}

/** What the layers that are shown need. */
function wanted() {
  const look = { ...LOOKS[kind] };
  if (shown.has("wide")) look.zoom = WIDE;
  for (const name of ["surface", "manifold", "pull"]) if (kind === "plane" && !shown.has(name)) delete look[name];
  return look;
}

$("play").onclick = () => (playing ? pause() : play());
$("step").onclick = async () => {
  pause();
  slowly(false);
  const answer = await ask({ do: "play", iterations: 1, beyond: true });
  if (answer.error) return say(answer.error);
  readings(answer.readings);
  await look();
};
$("phase").onclick = () => {
  pause();
  slowly(false);
  phase();
};
$("slow").onclick = () => slowly(!slow);
$("reset").onclick = () => {
  slowly(false);
  pause();
  begin();
};

async function phase() {
  const answer = await ask({ do: "phase" });
  if (answer.error) {
    slowly(false);
    return say(answer.error);
  }
  readings(answer.readings);
  phases(answer.played);
  await look();
}

function slowly(on) {
  if (on === Boolean(slow)) return;
  $("slow").setAttribute("aria-pressed", String(on));
  clearTimeout(slow);
  slow = null;
  if (!on) return;
  pause();
  const next = async () => {
    await phase();
    if (slow) slow = setTimeout(next, SLOW_MS);
  };
  slow = setTimeout(next, 0);
}

/** The phases of Algorithm 1, with the one that was played. */
function phases(played) {
  const list = $("phases");
  const { game: rules } = game.config;
  const simultaneous = rules.updates === "simultaneous";
  const k = rules.discriminator_steps;
  const there = PHASES.filter(([name]) => ({
    generator: !simultaneous, both: simultaneous, discriminator: !simultaneous || k > 1,
  })[name] ?? true);
  list.replaceChildren(...there.map(([name, title, words]) => {
    const item = document.createElement("li");
    const now = played?.phase === name;
    item.classList.toggle("now", now);
    const which = now && "update" in played && k > 1 ? ` ${played.update + 1} of ${k}` : "";
    const times = !now && k > 1 && ["data", "discriminator"].includes(name) ? ` × ${k}` : "";
    item.append(Object.assign(document.createElement("b"), { textContent: `${title}${which}${times}` }), `: ${words(game.config)}.`);
    return item;
  }));
}

// What comes back -------------------------------------------------------------------------------

async function look(more = {}) {
  const answer = await ask({ do: "look", ...wanted(), ...FAR_LOOKS[kind], ...more });
  if (answer.error) return say(answer.error);
  sight(answer);
}

function sight(answer) {
  seen = { ...seen, ...answer };
  game.step = answer.step;
  if ("divergence" in answer) {
    history.divergence.push([answer.step, answer.divergence]);
    history.best.push([answer.step, answer.best_value]);
    if ("value" in answer) history.value.push([answer.step, answer.value]);
  }
  dirty = true;
}

function take(state) {
  if (state.error) {
    pause();
    say(state.error);
    return;
  }
  if (!game) return;
  readings(state.readings);
  speed = state.speed;
  sight(state.look);
  if (state.done) {
    pause();
    if (state.step >= game.steps && !beyond && !history.lines.at(-1)?.diverged) {
      beyond = true;
      remark(`All ${game.steps} iterations of this run are played; Play goes on with the last learning rate.`, true);
    }
  }
}

function readings(lines) {
  for (const line of lines) {
    history.lines.push(line);
    if (line.finding) finding(line.finding);
    if (line.diverged) {
      say(line.diverged);
      pause();
      slowly(false);
    }
  }
}

function remark(text, good = false) {
  const item = document.createElement("p");
  item.classList.toggle("over", good);
  item.textContent = text;
  $("findings").append(item);
  return item;
}

function finding({ words, over, remedy, cure }) {
  const item = remark(`${words}.`, over);
  if (over) return;
  const button = item.appendChild(document.createElement("button"));
  button.textContent = `In a new game this usually helps: ${remedy}`;
  button.onclick = () => changed(Object.fromEntries(cure.map((set) => {
    const at = set.indexOf("=");
    return [set.slice(0, at), set.slice(at + 1)];
  })));
}

function say(problem) {
  $("problem").hidden = !problem;
  $("problem").textContent = problem ? [problem.message, problem.hint && `Hint: ${problem.hint}`].filter(Boolean).join("\n") : "";
}

// Drawing ---------------------------------------------------------------------------------------

function layers() {
  const all = LAYERS[kind];
  const names = Object.keys(all);
  const asked = setup.show?.filter((name) => names.includes(name));
  shown = new Set(asked ?? names.filter((name) => !HIDDEN[kind].includes(name)));
  $("layers").replaceChildren(...names.map((name) => {
    const [text, colour] = all[name];
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: shown.has(name), id: `show-${name}` });
    box.onchange = () => {
      if (box.checked) shown.add(name);
      else shown.delete(name);
      setup.show = [...shown];
      dirty = true;
      remember();
      if (playing) play({ until: goal });
      else look();
    };
    label.append(box);
    if (colour) {
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = `var(--${colour})`;
      label.append(swatch);
    }
    label.append(text);
    return label;
  }));
}

const digits = (value, places = 3) => (typeof value === "number" && Number.isFinite(value) ? value.toFixed(places) : "–");
const gradient = (value) => (typeof value === "number" && Number.isFinite(value) ? value.toPrecision(2) : "–");

function numbers() {
  const last = history.lines.at(-1) ?? {};
  const probe = history.lines.findLast?.((line) => "diversity" in line) ?? {};
  const rows = [
    ["V(D, G), nats; −1.386 where D cannot tell", digits(seen.value ?? last.value)],
  ];
  if (kind !== "sheet") {
    rows.push(["−log 4 + 2·JSD, V of the best D", digits(seen.best_value)]);
    const floor = "floor" in seen ? ` (two draws of the data: ${digits(seen.floor)})` : "";
    rows.push([`JSD of data and samples${floor}`, digits(seen.divergence)]);
  }
  rows.push(
    ["mean D(x) of data", digits(last.d_data)],
    ["mean D(G(z)) of samples", digits(last.d_samples)],
    ["norm of D's gradient", gradient(last.discriminator_gradient)],
    ["norm of G's gradient", gradient(last.generator_gradient)],
  );
  if (seen.quality) {
    rows.push(["modes found", `${seen.quality.modes_found} of ${seen.quality.modes}`]);
    rows.push(["samples within 3σ of a mode", `${(100 * seen.quality.high_quality).toFixed(0)} %`]);
  }
  rows.push(["diversity of samples, as a share of the data's", digits(probe.diversity, 2)]);
  rows.push(["learning rate of G", gradient(last.learning_rate ?? undefined)]);
  rows.push(["parameters of G and D", game.parameters.map((n) => n.toLocaleString("en")).join(" and ")]);
  const body = $("readings").tBodies[0];
  // Cells that are there are kept, so that nothing is laid out anew for a number.
  rows.forEach(([name, value], i) => {
    const row = body.rows[i] ?? body.insertRow();
    while (row.cells.length < 2) row.insertCell();
    if (row.cells[0].textContent !== name) row.cells[0].textContent = name;
    if (row.cells[1].textContent !== value) row.cells[1].textContent = value;
  });
  while (body.rows.length > rows.length) body.deleteRow(-1);
  $("iteration").textContent = game.step.toLocaleString("en");
  $("of").textContent = `of ${game.steps.toLocaleString("en")} iterations`;
  const rate = speed && speed.ms > 200 ? (1000 * speed.iterations) / speed.ms : null;
  $("speed").textContent = rate ? `${rate >= 100 ? Math.round(rate).toLocaleString("en") : rate.toFixed(1)} iterations a second` : "";
  document.body.dataset.speed = rate ?? "";
}

// No picture needs more points than it has pixels.
function thinned(points) {
  const step = Math.ceil(points.length / 400);
  return step <= 1 ? points : points.filter((_, i) => i % step === 0 || i === points.length - 1);
}

function charts() {
  const colour = draw.palette();
  const of = (key) => thinned(history.lines.map((line) => [line.step, line[key]]));
  const value = [{ points: of("value"), colour: colour.ink }];
  if (history.best.length) value.push({ points: thinned(history.best), colour: colour.soft, dash: [3, 3] });
  draw.chart($("value"), value, { marks: [{ y: -Math.log(4), text: "−log 4" }] });
  draw.chart($("opinions"), [
    { points: of("d_data"), colour: colour.data }, { points: of("d_samples"), colour: colour.samples },
  ], { low: 0, high: 1, marks: [{ y: 0.5, text: "" }] });
  if (kind !== "sheet") draw.chart($("divergence"), [{ points: thinned(history.divergence), colour: colour.ink }], { low: 0, high: Math.log(2) });
}

function frame() {
  requestAnimationFrame(frame);
  if (!dirty || !game) return;
  dirty = false;
  const canvas = $("plane");
  if (!$("drawing").hidden) draw.sketch(canvas, CANVAS, points);
  else if (kind === "sheet") draw.sheet(canvas, game, seen);
  else if (kind === "axis") draw.axis(canvas, game, seen, has());
  else draw.plane(canvas, game, seen, has(), shown.has("wide") ? WIDE : 1);
  numbers();
  charts();
  worker.postMessage({ drawn: true });
}
requestAnimationFrame(frame);

const has = () => Object.fromEntries([...shown].map((name) => [name, true]));
for (const event of ["resize"]) window.addEventListener(event, () => { dirty = true; });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { dirty = true; });

// Taking it along -------------------------------------------------------------------------------

function download(name, parts) {
  const url = URL.createObjectURL(new Blob(parts, { type: "application/octet-stream" }));
  const anchor = Object.assign(document.createElement("a"), { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

const told = (text) => { $("said").textContent = text; };

$("link").onclick = async () => {
  remember();
  try {
    await navigator.clipboard.writeText(location.href);
    told("The link is in the clipboard.");
  } catch {
    told("The link is in the address bar.");
  }
};
$("config").onclick = () => {
  download("config.toml", [game.text]);
  told("Natively: gan-cli train config.toml");
};
$("table-file").onclick = () => download(game.config.data.source, [setup.table]);
$("checkpoint").onclick = async () => {
  const answer = await ask({ do: "save" });
  if (answer.error) return say(answer.error);
  download(answer.name, [answer.file]);
  told(`Natively: gan-cli sample ${answer.name}; to go on, put config.toml into a folder and this into its checkpoints/, then gan-cli train --resume FOLDER`);
};
$("file").onchange = async ({ target }) => {
  const file = target.files[0];
  if (!file) return;
  target.value = "";
  const from = { ...setup, sets: new Map(setup.sets) };
  if (file.name.endsWith(".safetensors")) {
    await begin({ from, checkpoint: { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) } });
  } else if (file.name.endsWith(".toml")) {
    setup = { preset: file.name, text: await file.text(), sets: new Map(), table: setup.table, show: null };
    await begin({ from });
  } else {
    await data("points.csv", await file.text());
  }
};
