// The state of the page in the part of its address behind #, and back: a link carries all that a game
// depends on.
//
//   preset=NAME  or  name=FILE&text=TOML   what the configuration begins from
//   set=KEY=VALUE                          once for each flag, as after --set
//   table=TEXT                             the data, where they were drawn or pasted
//   to=N, slow=1                           plays to iteration N, or in slow motion, when it is opened
//   show=a,b,c                             what is shown

/** The setup that `hash` describes. */
export function parse(hash) {
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  const sets = new Map();
  for (const set of params.getAll("set")) {
    const at = set.indexOf("=");
    if (at > 0) sets.set(set.slice(0, at), set.slice(at + 1));
  }
  const to = Number.parseInt(params.get("to") ?? "", 10);
  return {
    preset: params.get("preset") ?? params.get("name") ?? "ring8",
    text: params.get("text"),
    sets,
    table: params.get("table"),
    to: Number.isSafeInteger(to) && to > 0 ? to : null,
    slow: params.get("slow") === "1",
    show: params.get("show")?.split(",") ?? null,
  };
}

/** The hash that describes `setup`. */
export function format({ preset, text, sets, table, show }) {
  const params = new URLSearchParams();
  params.set(text ? "name" : "preset", preset);
  if (text) params.set("text", text);
  for (const [key, value] of sets) params.append("set", `${key}=${value}`);
  if (table) params.set("table", table);
  if (show) params.set("show", show.join(","));
  return `#${params}`;
}
