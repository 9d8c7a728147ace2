// The rules of the game as controls: each reads a part of the configuration, and writes it as the
// `key=value` that `gan-cli train --set` takes. What a value may be is checked by the trainer alone.

/** A value of JSON as TOML in one line. */
export function toml(value) {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const pairs = Object.entries(value).filter(([, v]) => v !== null && v !== undefined);
    return `{${pairs.map(([k, v]) => `${k} = ${toml(v)}`).join(", ")}}`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

const DATA = [
  ["line", "line"], ["ring8", "ring of 8"], ["grid25", "grid of 25"], ["moons", "two moons"],
  ["spirals", "spirals"], ["clusters", "clusters"], ["drawn.csv", "drawn by hand…"],
  ["points.csv", "a table of yours…"], ["figure1", "one bell (Figure 1)"], ["bells", "two bells"],
  ["digits", "drawn digits, 28×28"],
];
const ACTIVATIONS = ["relu", "leaky-relu", "tanh", "sigmoid"].map((a) => [a, a]);
const same = (words) => words.map((word) => [word, word]);

const hidden = (player) => player.layers.slice(0, -1);

/** The player's layers after `change` of each hidden one. */
function layers(config, name, change, count) {
  const player = config[name];
  const last = player.layers[player.layers.length - 1];
  const old = hidden(player);
  const model = old[old.length - 1] ?? { units: 32, activation: "leaky-relu" };
  const wanted = count ?? old.length;
  const kept = Array.from({ length: wanted }, (_, i) => ({ ...(old[i] ?? { ...model, keep: model.keep }) }));
  kept.forEach(change);
  return { [`${name}.layers`]: toml([...kept, { ...last }]) };
}

function activate(layer, activation) {
  layer.activation = activation;
  if (activation === "maxout") layer.pieces ??= 3;
  else delete layer.pieces;
  if (activation !== "leaky-relu") delete layer.slope;
}

/** The optimiser that a player has. */
const optimizer = (config, name) => config[name].optimizer ?? config.optimizer;

function optimise(config, name, change) {
  const table = structuredClone(optimizer(config, name));
  const changed = change(table) ?? table;
  return { [`${name}.optimizer`]: toml(changed) };
}

/** η, whose fall may not begin below its end. */
function withRate(table, rate) {
  table.learning_rate = rate;
  if (table.schedule && table.schedule.floor > rate) table.schedule = { kind: "constant" };
}

function players(name, symbol) {
  const of = (config) => config[name];
  const isD = name === "discriminator";
  const acts = isD ? [...ACTIVATIONS, ["maxout", "maxout"]] : ACTIVATIONS;
  const first = (config) => hidden(of(config))[0];
  const rows = [
    { label: "Hidden layers", type: "number", min: 0, max: 6, step: 1,
      read: (c) => hidden(of(c)).length,
      write: (v, c) => layers(c, name, () => {}, v) },
    { label: "Units of each", type: "number", min: 1, max: 1024, step: 1,
      read: (c) => first(c)?.units,
      write: (v, c) => layers(c, name, (layer) => { layer.units = v; }) },
    { label: "Activation", options: acts,
      read: (c) => first(c)?.activation,
      write: (v, c) => layers(c, name, (layer) => activate(layer, v)) },
  ];
  if (isD) {
    rows.push(
      { label: "Pieces of maxout", type: "number", min: 2, max: 16, step: 1,
        when: (c) => first(c)?.activation === "maxout",
        read: (c) => first(c)?.pieces,
        write: (v, c) => layers(c, name, (layer) => { layer.pieces = v; }) },
      { label: "Dropout: keep of hidden units", type: "number", min: 0.1, max: 1, step: 0.1,
        read: (c) => of(c).layers[of(c).layers.length - 1].keep ?? 1,
        write: (v, c) => {
          const all = of(c).layers.map((layer, i) => (i === 0 ? layer : { ...layer, keep: v }));
          return { [`${name}.layers`]: toml(all) };
        } },
      { label: "Spectral norm, at most", type: "number", min: 0, step: 0.5, blank: true,
        read: (c) => of(c).max_spectral_norm,
        write: (v) => ({ "discriminator.max_spectral_norm": v }) },
    );
  } else {
    rows.push(
      { label: "Output", options: same(["identity", "tanh", "sigmoid"]),
        read: (c) => of(c).layers[of(c).layers.length - 1].activation,
        write: (v, c) => {
          const all = of(c).layers;
          return { "generator.layers": toml([...all.slice(0, -1), { ...all[all.length - 1], activation: v }]) };
        } },
      { label: "Dimensions of z", type: "number", min: 1, max: 256, step: 1,
        read: (c) => of(c).latent, write: (v) => ({ "generator.latent": v }) },
      { label: "Prior of z", options: same(["normal", "uniform"]),
        read: (c) => of(c).prior, write: (v) => ({ "generator.prior": toml(v) }) },
      { label: "Samples from a running mean", type: "number", min: 0, max: 0.9999, step: "any", blank: true,
        read: (c) => of(c).average, write: (v) => ({ "generator.average": v }) },
    );
  }
  rows.push(
    { label: "Optimiser", options: [["momentum", "momentum"], ["adam", "Adam"]],
      read: (c) => optimizer(c, name).kind,
      write: (v, c) => optimise(c, name, ({ learning_rate, schedule }) => ({ kind: v, learning_rate, schedule })) },
    { label: "Learning rate", type: "number", min: 0, step: "any",
      read: (c) => optimizer(c, name).learning_rate,
      write: (v, c) => optimise(c, name, (table) => withRate(table, v)) },
    { label: "Rate over time", options: [["constant", "constant"], ["linear", "falls in a line"], ["exponential", "falls by a factor"]],
      read: (c) => optimizer(c, name).schedule?.kind ?? "constant",
      write: (v, c) => optimise(c, name, (table) => {
        const rate = table.learning_rate;
        table.schedule = {
          constant: { kind: v },
          linear: { kind: v, floor: rate / 100, updates: c.run.steps ?? 10000 },
          exponential: { kind: v, floor: rate / 100, decay: 1.0005 },
        }[v];
      }) },
    { label: "β₁", type: "number", min: 0, max: 0.999, step: "any", when: (c) => optimizer(c, name).kind === "adam",
      read: (c) => optimizer(c, name).beta1,
      write: (v, c) => optimise(c, name, (table) => { table.beta1 = v; }) },
    { label: "β₂", type: "number", min: 0, max: 0.9999, step: "any", when: (c) => optimizer(c, name).kind === "adam",
      read: (c) => optimizer(c, name).beta2,
      write: (v, c) => optimise(c, name, (table) => { table.beta2 = v; }) },
    { label: "Momentum μ", type: "number", min: 0, max: 0.99, step: "any", when: (c) => optimizer(c, name).kind === "momentum",
      read: (c) => optimizer(c, name).momentum?.final,
      write: (v, c) => optimise(c, name, (table) => { table.momentum = { initial: v, final: v }; }) },
  );
  return { title: `${isD ? "Discriminator" : "Generator"} ${symbol}`, rows };
}

const PENALTIES = [
  ["none", "none"], ["both", "R1 and R2"], ["data", "R1, on data"], ["samples", "R2, on samples"],
  ["unit-norm", "unit norm (WGAN-GP)"],
];

function penalty(kind, weight, config) {
  const given = "game.penalty";
  // A preset's own is taken away by its factor alone: a flag cannot remove a table.
  if (kind === "none") return { [given]: config.game.penalty ? toml({ kind: "zero-centred", gamma: 0.0 }) : null };
  if (kind === "unit-norm") return { [given]: toml({ kind, weight }) };
  return { [given]: toml({ kind: "zero-centred", gamma: weight, on: kind }) };
}

const penaltyOf = ({ game: { penalty: p } }) => {
  if (!p || p.gamma === 0) return "none";
  return p.kind === "unit-norm" ? "unit-norm" : p.on ?? "both";
};
const weightOf = ({ game: { penalty: p } }) => (p ? p.gamma ?? p.weight : undefined);

export const GROUPS = [
  { title: "Data and preset", open: true, rows: [
    { label: "Preset", id: "preset", options: [] },
    { label: "Data", id: "data", options: DATA, read: (c) => c.data.source },
    { note: "summary" },
  ] },
  { title: "Rules of the game", open: true, rows: [
    { label: "Loss", options: [["cross-entropy", "cross-entropy (2014)"], ["relativistic", "relativistic"], ["hinge", "hinge"], ["least-squares", "least squares"], ["wasserstein", "Wasserstein"]],
      read: (c) => c.game.loss, write: (v) => ({ "game.loss": toml(v) }) },
    { label: "G's objective", options: [["non-saturating", "non-saturating"], ["minimax", "minimax (eq. 1)"]],
      when: (c) => c.game.loss === "cross-entropy",
      read: (c) => c.game.generator_objective, write: (v) => ({ "game.generator_objective": toml(v) }) },
    { label: "k: steps of D for one of G", type: "number", min: 1, max: 200, step: 1,
      read: (c) => c.game.discriminator_steps, write: (v) => ({ "game.discriminator_steps": v }) },
    { label: "m: rows of a minibatch", type: "number", min: 1, max: 4096, step: 1,
      read: (c) => c.game.minibatch, write: (v) => ({ "game.minibatch": v }) },
    { label: "Updates", options: same(["alternating", "simultaneous"]),
      read: (c) => c.game.updates, write: (v) => ({ "game.updates": toml(v) }) },
    { label: "Penalty on D's slope", options: PENALTIES, read: penaltyOf,
      write: (v, c) => penalty(v, v === "unit-norm" ? 0.1 : 0.1, c) },
    { label: "Its factor", type: "number", min: 0, step: "any", when: (c) => penaltyOf(c) !== "none",
      read: (c) => (typeof weightOf(c) === "number" ? weightOf(c) : undefined), hint: (c) => (weightOf(c) === "auto" ? "auto" : ""),
      write: (v, c) => penalty(penaltyOf(c), v, c) },
    { label: "Records that D sees at once", type: "number", min: 1, max: 16, step: 1,
      read: (c) => c.game.pack ?? 1, write: (v) => ({ "game.pack": v }) },
  ] },
  players("generator", "G"),
  players("discriminator", "D"),
];

/**
 * Builds the controls into `form`; `changed` is called with the key-value pairs that a control
 * writes, where null takes a flag away, and `chosen` with a preset or data that were chosen.
 */
export function build(form, catalogue, { changed, chosen, config }) {
  const controls = [];
  let number = 0;
  for (const group of GROUPS) {
    const details = form.appendChild(document.createElement("details"));
    details.open = group.open ?? false;
    details.appendChild(document.createElement("summary")).textContent = group.title;
    const rows = details.appendChild(document.createElement("div"));
    rows.className = "rows";
    for (const row of group.rows) {
      if (row.note) {
        const wide = rows.appendChild(document.createElement("div"));
        wide.className = "wide";
        const note = wide.appendChild(document.createElement("p"));
        note.id = row.note;
        continue;
      }
      const label = rows.appendChild(document.createElement("label"));
      label.textContent = row.label;
      const input = rows.appendChild(document.createElement(row.options ? "select" : "input"));
      input.id = row.id ?? `control-${number++}`;
      label.htmlFor = input.id;
      const options = row.id === "preset" ? catalogue.presets.map((p) => [p.name, p.name]) : row.options;
      for (const [value, text] of options ?? []) {
        const option = input.appendChild(document.createElement("option"));
        option.value = value;
        option.textContent = text;
      }
      if (!row.options) {
        input.type = row.type;
        for (const key of ["min", "max", "step"]) if (key in row) input[key] = row[key];
      }
      input.addEventListener("change", () => {
        if (row.id) return chosen(row.id, input.value);
        if (!row.options && input.value === "" && !row.blank) return changed({});
        const value = row.options ? input.value : input.value === "" ? null : Number(input.value);
        changed(row.write(value, config()));
      });
      controls.push({ row, label, input });
    }
  }
  return {
    /** Shows a configuration; `own` tells which keys flags have changed. */
    show(c, own) {
      for (const { row, label, input } of controls) {
        if (row.id === "preset") continue;
        const shown = row.when ? row.when(c) : true;
        label.hidden = input.hidden = !shown;
        const value = row.read(c);
        if (row.options && value !== undefined && ![...input.options].some((o) => o.value === value)) {
          const option = input.appendChild(document.createElement("option"));
          option.value = option.textContent = value;
        }
        input.value = value ?? "";
        if (row.hint) input.placeholder = row.hint(c);
        const keys = row.write && shown ? Object.keys(row.write(value ?? null, c)) : ["data.source"];
        label.classList.toggle("changed", keys.some((key) => own.has(key)));
      }
    },
  };
}
