// Pictures of the game on canvases; every number comes from the trainer.

const style = () => getComputedStyle(document.documentElement);
let colours = null;

/** The colours of the page, as the scheme of the system has them. */
export function palette() {
  if (!colours) {
    const from = style();
    const of = (name) => from.getPropertyValue(name).trim();
    colours = Object.fromEntries(["ground", "panel", "line", "ink", "soft", "accent", "data", "samples", "heat-data", "heat-even", "heat-samples", "grid"].map((name) => [name, of(`--${name}`)]));
  }
  return colours;
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = null; });

/** A canvas at the resolution of the screen; its context, width and height in the page's pixels. */
function begin(canvas) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  return { context, width, height };
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const small = document.createElement("canvas");

/** So many times as large a square around the same middle. */
function widened(bounds, factor) {
  return bounds.map(([low, high]) => {
    const [middle, half] = [(low + high) / 2, (factor * (high - low)) / 2];
    return [middle - half, middle + half];
  });
}

/** From the units of the data to the canvas, and back. */
export function scales(canvas, bounds) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const [[x0, x1], [y0, y1]] = bounds;
  const side = Math.min(width, height);
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  return {
    x: (x) => left + ((x - x0) / (x1 - x0)) * side,
    y: (y) => top + side - ((y - y0) / (y1 - y0)) * side,
    invert: (px, py) => [x0 + ((px - left) / side) * (x1 - x0), y0 + ((top + side - py) / side) * (y1 - y0)],
    
  };
}

/** D, or D*, over the rectangle `bounds`: blue where it says data, orange where it says sample. */
function heat(context, values, bounds, to) {
  const side = Math.round(Math.sqrt(values.length));
  small.width = small.height = side;
  const pixels = new ImageData(side, side);
  const colour = palette();
  const [low, even, high] = ["heat-samples", "heat-even", "heat-data"].map((name) => rgb(colour[name]));
  for (let i = 0; i < values.length; i++) {
    const row = side - 1 - Math.floor(i / side);
    const at = 4 * (row * side + (i % side));
    const d = values[i];
    const known = !Number.isNaN(d);
    const t = known ? Math.abs(2 * d - 1) : 0;
    const end = d > 0.5 ? high : low;
    for (let c = 0; c < 3; c++) pixels.data[at + c] = even[c] + t * (end[c] - even[c]);
    pixels.data[at + 3] = known ? 255 : 0;
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  const [[x0, x1], [y0, y1]] = bounds;
  context.imageSmoothingEnabled = true;
  context.drawImage(small, to.x(x0), to.y(y1), to.x(x1) - to.x(x0), to.y(y0) - to.y(y1));
}

function points(context, values, to, colour, size) {
  context.fillStyle = colour;
  for (let i = 0; i + 1 < values.length; i += 2) {
    context.fillRect(to.x(values[i]) - size / 2, to.y(values[i + 1]) - size / 2, size, size);
  }
}

function net(context, values, to, colour) {
  const side = Math.round(Math.sqrt(values.length / 2));
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.globalAlpha = 0.75;
  context.beginPath();
  const at = (row, column) => {
    const i = 2 * (row * side + column);
    return [to.x(values[i]), to.y(values[i + 1])];
  };
  for (let i = 0; i < side; i++) {
    context.moveTo(...at(i, 0));
    for (let j = 1; j < side; j++) context.lineTo(...at(i, j));
    context.moveTo(...at(0, i));
    for (let j = 1; j < side; j++) context.lineTo(...at(j, i));
  }
  context.stroke();
  context.globalAlpha = 1;
}

function curve(context, values, to, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let i = 0; i + 1 < values.length; i += 2) context.lineTo(to.x(values[i]), to.y(values[i + 1]));
  context.stroke();
}

/** Arrows along the pull, the longest of them of a length that can be seen. */
function arrows(context, from, pull, to, colour) {
  const lengths = [];
  for (let i = 0; i + 1 < pull.length; i += 2) lengths.push(Math.hypot(pull[i], pull[i + 1]));
  const sorted = [...lengths].sort((a, b) => a - b);
  const usual = sorted[Math.floor(0.9 * (sorted.length - 1))] || 1e-30;
  const factor = 26 / usual;
  context.strokeStyle = colour;
  context.lineWidth = 1.2;
  context.beginPath();
  const step = Math.max(1, Math.ceil(lengths.length / 90));
  for (let n = 0; n < lengths.length; n += step) {
    const i = 2 * n;
    const [x, y] = [to.x(from[i]), to.y(from[i + 1])];
    const most = Math.min(1, 40 / (factor * lengths[n] + 1e-30));
    const [dx, dy] = [factor * most * pull[i], -factor * most * pull[i + 1]];
    const length = Math.hypot(dx, dy);
    if (length < 1.5) continue;
    context.moveTo(x, y);
    context.lineTo(x + dx, y + dy);
    const [ux, uy] = [dx / length, dy / length];
    for (const turn of [0.5, -0.5]) {
      const [c, s] = [Math.cos(turn), Math.sin(turn)];
      context.moveTo(x + dx, y + dy);
      context.lineTo(x + dx - 5 * (ux * c - uy * s), y + dy - 5 * (ux * s + uy * c));
    }
  }
  context.stroke();
}

/** Two dimensions; `zoom` times as much as the data's own square. */
export function plane(canvas, game, seen, layers, zoom) {
  const { context } = begin(canvas);
  const colour = palette();
  const bounds = widened(game.bounds, zoom);
  const to = scales(canvas, bounds);
  if (layers.optimum && seen.optimum) heat(context, seen.optimum, game.bounds, to);
  else if (layers.surface && seen.surface) heat(context, seen.surface, bounds, to);
  if (layers.data && seen.data) points(context, seen.data, to, colour.data, 2.4);
  if (layers.manifold && seen.manifold) {
    const isNet = game.config.generator.latent === 2;
    (isNet ? net : curve)(context, seen.manifold, to, colour.grid);
  }
  if (layers.samples && seen.samples) points(context, seen.samples, to, colour.samples, 3);
  if (layers.pull && seen.pull) arrows(context, seen.from, seen.pull, to, colour.ink);
}

/** Points that are being drawn. */
export function sketch(canvas, bounds, values) {
  const { context, width, height } = begin(canvas);
  const to = scales(canvas, bounds);
  context.strokeStyle = palette().line;
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
  points(context, values, to, palette().data, 3);
}

/** One dimension, as Figure 1 of the paper: densities, D, D*, and below them the axis of z. */
export function axis(canvas, game, seen, layers) {
  const { context, width, height } = begin(canvas);
  const colour = palette();
  if (!seen.p_data) return;
  const [low, high] = game.bounds[0];
  const box = { left: 34, right: width - 34, top: 14, bottom: 0.7 * height };
  const x = (value) => box.left + ((value - low) / (high - low)) * (box.right - box.left);
  let most = 0;
  for (const p of seen.p_data) most = Math.max(most, p);
  const rises = (p) => box.bottom - (Math.min(p, 1.7 * most) / (1.75 * most)) * (box.bottom - box.top);
  const share = (d) => box.bottom - d * (box.bottom - box.top);
  const count = seen.p_data.length;
  const centre = (i) => x(low + ((i + 0.5) / count) * (high - low));
  const line = (values, scale, stroke, dash, widthOf = 2) => {
    context.strokeStyle = stroke;
    context.lineWidth = widthOf;
    context.setLineDash(dash);
    context.beginPath();
    let pen = false;
    for (let i = 0; i < count; i++) {
      if (Number.isNaN(values[i])) { pen = false; continue; }
      if (pen) context.lineTo(centre(i), scale(values[i]));
      else context.moveTo(centre(i), scale(values[i]));
      pen = true;
    }
    context.stroke();
    context.setLineDash([]);
  };
  context.strokeStyle = colour.line;
  context.fillStyle = colour.soft;
  context.lineWidth = 1;
  for (const d of [0, 0.5, 1]) {
    context.beginPath();
    context.moveTo(box.left, share(d));
    context.lineTo(box.right, share(d));
    context.stroke();
    context.textAlign = "left";
    context.fillText(String(d), box.right + 6, share(d) + 4);
  }
  if (layers.data) line(seen.p_data, rises, colour.data, [2, 4], 2.5);
  if (layers.samples) line(seen.p_g, rises, colour.samples, [], 2.5);
  if (layers.optimum) line(seen.d_best, share, colour.soft, [1, 3], 2);
  if (layers.surface) line(seen.d, share, colour.ink, [8, 5], 2);
  context.textAlign = "center";
  const ticks = 6;
  const [xAxis, zAxis] = [height - 58 > box.bottom + 24 ? box.bottom + 22 : box.bottom + 14, height - 22];
  context.fillStyle = colour.soft;
  for (let i = 0; i <= ticks; i++) {
    const value = low + (i / ticks) * (high - low);
    context.fillText(value.toFixed(1), x(value), box.bottom + 14);
  }
  context.fillText("x", box.right + 14, box.bottom + 14);
  if (layers.manifold && seen.mapped && seen.mapped.length) {
    const z = seen.mapped.filter((_, i) => i % 2 === 0);
    const [z0, z1] = [z[0], z[z.length - 1]];
    const place = (value) => box.left + ((value - z0) / (z1 - z0)) * (box.right - box.left);
    context.strokeStyle = colour.grid;
    context.globalAlpha = 0.7;
    context.beginPath();
    for (let i = 0; i < seen.mapped.length; i += 6) {
      context.moveTo(place(seen.mapped[i]), zAxis - 6);
      context.lineTo(Math.max(0, Math.min(width, x(seen.mapped[i + 1]))), xAxis + 2);
    }
    context.stroke();
    context.globalAlpha = 1;
    context.strokeStyle = colour.line;
    context.beginPath();
    context.moveTo(box.left, zAxis - 4);
    context.lineTo(box.right, zAxis - 4);
    context.stroke();
    for (const value of [z0, 0, z1]) context.fillText(value.toFixed(1), place(value), zAxis + 12);
    context.fillText("z", box.right + 14, zAxis);
  }
}

/** Images in a square sheet. */
export function sheet(canvas, game, seen) {
  const { context, width, height } = begin(canvas);
  if (!game.image) return;
  const [rows, columns, channels] = game.image;
  const each = rows * columns * channels;
  const count = Math.floor((seen.samples?.length ?? 0) / each);
  if (!count) return;
  const across = Math.floor(Math.sqrt(count));
  small.width = across * columns;
  small.height = across * rows;
  const pixels = new ImageData(small.width, small.height);
  for (let n = 0; n < across * across; n++) {
    const [top, left] = [Math.floor(n / across) * rows, (n % across) * columns];
    for (let i = 0; i < rows * columns; i++) {
      const at = 4 * ((top + Math.floor(i / columns)) * small.width + left + (i % columns));
      for (let c = 0; c < 3; c++) {
        pixels.data[at + c] = seen.samples[n * each + i * channels + (channels === 3 ? c : 0)];
      }
      pixels.data[at + 3] = 255;
    }
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  const side = Math.min(width, height);
  context.drawImage(small, (width - side) / 2, (height - side) / 2, side, side);
}

const short = (value) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 0.01 && size < 10000 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
};

/** Lines over iterations: `series` of { points: [[x, y], …], colour }, `marks` of { y, text }. */
export function chart(canvas, series, { low, high, marks = [] } = {}) {
  const { context, width, height } = begin(canvas);
  const colour = palette();
  const all = series.flatMap(({ points: p }) => p).filter(([, y]) => Number.isFinite(y));
  const box = { left: 46, right: width - 6, top: 6, bottom: height - 16 };
  const first = 0;
  const last = all.reduce((most, [x]) => Math.max(most, x), 1);
  const ys = all.map(([, y]) => y).sort((a, b) => a - b);
  const at = (share) => ys[Math.floor(share * (ys.length - 1))];
  let bottom = low ?? Math.min(ys.length ? at(0.02) : 0, ...marks.map((m) => m.y));
  let top = high ?? Math.max(ys.length ? at(0.98) : 1, ...marks.map((m) => m.y));
  if (low === undefined) bottom -= 0.08 * (top - bottom || 1);
  if (high === undefined) top += 0.08 * (top - bottom || 1);
  const x = (value) => box.left + ((value - first) / (last - first)) * (box.right - box.left);
  const y = (value) => Math.max(box.top, Math.min(box.bottom, box.bottom - ((value - bottom) / (top - bottom)) * (box.bottom - box.top)));
  context.strokeStyle = colour.line;
  context.strokeRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  context.fillStyle = colour.soft;
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(short(top), box.left - 4, box.top + 9);
  context.fillText(short(bottom), box.left - 4, box.bottom);
  context.fillText(String(last), box.right, height - 3);
  for (const mark of marks) {
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(box.left, y(mark.y));
    context.lineTo(box.right, y(mark.y));
    context.stroke();
    context.setLineDash([]);
    context.fillText(mark.text, box.right - 4, y(mark.y) - 3);
  }
  for (const { points: p, colour: stroke, dash = [] } of series) {
    context.strokeStyle = stroke;
    context.lineWidth = 1.5;
    context.setLineDash(dash);
    context.beginPath();
    for (const [px, py] of p) if (Number.isFinite(py)) context.lineTo(x(px), y(py));
    context.stroke();
    context.setLineDash([]);
  }
  context.lineWidth = 1;
}
