// The game's own thread: holds the module, plays in short slices, and looks while it plays.
//
// Messages in: {ask, id, request, file} answers once; {play} and {pause}; {drawn} tells that the page
// has drawn what it was sent, so that a slow page is not sent more than it can show.
// Messages out: {ready} or {failed}, {answer, id, json, file, floats}, {state}.

// As long as a slice may take: what the page asks meanwhile waits so long.
const SLICE_MS = 10;
// Between two looks, and the share of the time that looks may take.
const LOOK_MS = 60;
const LOOK_SHARE = 0.25;
// Between two of the looks that take long.
const FAR_LOOK_MS = 700;

let lab = null;
let playing = null;
let drawn = true;
let slice = 1;
let step = 0;
let lastLook = 0;
let lastFarLook = 0;
let lookCost = 0;
let seconds = 0;
let played = { iterations: 0, ms: 0 };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function bytes(part) {
  return new Uint8Array(lab.memory.buffer, lab.lab_part(part), lab.lab_length(part));
}

/** Asks the module; the answer's JSON, with the floats that it names as arrays. */
function ask(request, file) {
  const json = encoder.encode(JSON.stringify(request));
  const room = lab.lab_room(json.length + (file ? file.length : 0));
  // After the call that made the room: memory that has grown is another buffer.
  const input = new Uint8Array(lab.memory.buffer, room);
  input.set(json);
  if (file) input.set(file, json.length);
  try {
    lab.lab_call(json.length);
  } catch (error) {
    // The module's own message, which the trap does not carry.
    const message = decoder.decode(bytes(3)) || String(error);
    throw new Error(message);
  }
  const answer = JSON.parse(decoder.decode(bytes(0)));
  const length = lab.lab_length(1) / 4;
  if (length > 0) {
    const floats = new Float32Array(lab.memory.buffer, lab.lab_part(1), length);
    for (const [key, place] of Object.entries(answer)) {
      if (FLOATS.has(key)) answer[key] = floats.slice(place[0], place[0] + place[1]);
    }
  }
  return answer;
}

const FLOATS = new Set([
  "samples", "data", "surface", "manifold", "from", "pull", "optimum",
  "p_data", "p_g", "d", "d_best", "mapped",
]);

function transferred(answer) {
  return Object.values(answer).filter((v) => v instanceof Float32Array).map((v) => v.buffer);
}

function look(now) {
  const wanted = { do: "look", ...playing.look };
  if (now - lastFarLook >= FAR_LOOK_MS) {
    Object.assign(wanted, playing.farLook);
    lastFarLook = now;
  }
  const answer = ask(wanted);
  const took = performance.now() - now;
  lookCost = took;
  return answer;
}

/** Plays a slice, sends what there is to see, and comes back. */
function turn() {
  if (!playing) return;
  const start = performance.now();
  const left = playing.until ? Math.max(playing.until - step, 0) : slice;
  const iterations = Math.min(slice, left);
  const answer = ask({ do: "play", iterations, seconds, beyond: playing.beyond });
  const end = performance.now();
  if (answer.error) {
    playing = null;
    postMessage({ state: { error: answer.error } });
    return;
  }
  const took = Math.max(end - start, 0.05);
  seconds += took / 1000;
  played.iterations += answer.played;
  played.ms += took;
  if (answer.played === slice) {
    const fits = (slice * SLICE_MS) / took;
    slice = Math.max(1, Math.min(Math.round(0.5 * (slice + fits)), 2000));
  }
  step = answer.step;
  const ends = answer.done || step === playing.until || answer.readings.some((line) => line.diverged);
  const pause = Math.max(LOOK_MS, lookCost / LOOK_SHARE);
  pending.push(...answer.readings);
  if (ends || (drawn && end - lastLook >= pause)) {
    lastLook = end;
    if (ends) lastFarLook = 0;
    const seen = look(end);
    drawn = false;
    const speed = { ...played };
    const state = { step: answer.step, readings: pending, look: seen, speed, done: ends };
    pending = [];
    postMessage({ state }, transferred(seen));
  }
  if (ends) {
    playing = null;
    return;
  }
  channel.port2.postMessage(null);
}

let pending = [];
// Without the delay that timers have when they are nested.
const channel = new MessageChannel();
channel.port1.onmessage = () => guarded(turn);

function guarded(work) {
  try {
    work();
  } catch (error) {
    playing = null;
    lab = null;
    postMessage({ failed: error.message });
  }
}

onmessage = ({ data }) => guarded(() => {
  if (data.load) {
    load(data.load);
  } else if (data.drawn) {
    drawn = true;
  } else if (data.play) {
    const idle = !playing;
    playing = data.play;
    if (idle) {
      drawn = true;
      lastLook = 0;
      turn();
    }
  } else if (data.pause) {
    playing = null;
  } else if (data.ask) {
    const answer = ask(data.ask, data.file);
    if (data.ask.do === "open" || data.ask.do === "resume") {
      slice = 1;
      seconds = 0;
      played = { iterations: 0, ms: 0 };
      pending = [];
    }
    if ("step" in answer) step = answer.step;
    let file = null;
    if (data.ask.do === "save" && !answer.error) file = bytes(2).slice();
    const moved = transferred(answer);
    if (file) moved.push(file.buffer);
    postMessage({ answer, id: data.id, file }, moved);
  }
});

async function load(url) {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
    const { instance } = await WebAssembly.instantiate(await response.arrayBuffer(), {});
    lab = instance.exports;
    postMessage({ ready: true });
  } catch (error) {
    postMessage({ failed: error.message });
  }
}
