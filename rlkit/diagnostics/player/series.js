// What was recorded beside the pictures, made ready for plots and panel: names, colours, and sums so far.

const INKS = ["#3b8ff0", "#f08a24", "#22a873", "#c85ad8", "#c79a10", "#e5534b", "#1fa5b8", "#8f78e8", "#7d9160"];
const REST = "#8a94a3"; // colour of the actions that are not shown one by one
const SHOWN_ACTIONS = 7;

/** Values of `count` named things, frame by frame. */
class Series {
  constructor(title, names, data, inks = names.map((_, k) => INKS[k % INKS.length])) {
    Object.assign(this, { title, names, data, inks, count: names.length });
    this.frames = data.length / names.length;
  }

  at(frame, k) {
    return this.data[frame * this.count + k];
  }

  /** Values at a frame, in order of the names. */
  row(frame) {
    return this.data.subarray(frame * this.count, (frame + 1) * this.count);
  }

  /** The same series with every value the sum of all up to it. */
  soFar() {
    const sums = Float32Array.from(this.data, (v) => v || 0);
    for (let i = this.count; i < sums.length; i += 1) sums[i] += sums[i - this.count];
    return new Series(this.title, this.names, sums);
  }

  /** The largest absolute value that each thing has in any frame. */
  reaches() {
    return this.names.map((_, k) => {
      let reach = 0;
      for (let f = 0; f < this.frames; f += 1) reach = Math.max(reach, Math.abs(this.at(f, k)) || 0);
      return reach;
    });
  }
}

/** What a replay recorded: reward, value, odds, or undefined; taken(frame) is the action's {name, k: place in odds}. */
function readSeries({ arrays, meta }) {
  const read = (key, title, word) => {
    const array = arrays[key];
    const given = meta.series_names?.[key] ?? [];
    const name = (k) => given[k]?.replaceAll("_", " ") ?? `${word} ${k}`;
    const names = Array.from({ length: array?.shape[1] ?? 1 }, (_, k) => name(k));
    return array?.shape[0] > 1 && names.length ? new Series(title, names, array.data) : undefined;
  };
  const odds = read("action_odds", "actions", "action");
  const { likeliest, place } = odds ? gather(odds) : {};
  const action = (frame) => arrays.action?.data[frame] ?? NaN;
  const taken = (frame) => ({ k: place[action(frame)], name: odds.names[action(frame)] });
  const [reward, value] = [read("reward_terms", "reward", "term"), read("value", "value", "value")];
  return { reward, value, odds: likeliest, taken };
}

/** The actions that are likely most of the time, one by one, and the rest as one; `place` tells where each went. */
function gather(odds) {
  const means = odds.names.map((_, k) => {
    let sum = 0;
    for (let f = 0; f < odds.frames; f += 1) sum += odds.at(f, k) || 0;
    return sum;
  });
  const ranked = odds.names.map((_, k) => k).sort((a, b) => means[b] - means[a]);
  if (odds.count <= SHOWN_ACTIONS + 1) return { likeliest: odds, place: odds.names.map((_, k) => k) };
  const kept = ranked.slice(0, SHOWN_ACTIONS).sort((a, b) => a - b);
  const place = odds.names.map((_, k) => (kept.includes(k) ? kept.indexOf(k) : SHOWN_ACTIONS));
  const data = new Float32Array(odds.frames * (SHOWN_ACTIONS + 1));
  odds.data.forEach((v, i) => { data[Math.floor(i / odds.count) * (SHOWN_ACTIONS + 1) + place[i % odds.count]] += v; });
  const names = [...kept.map((k) => odds.names[k]), `${odds.count - SHOWN_ACTIONS} others`];
  return { likeliest: new Series(odds.title, names, data, [...INKS.slice(0, SHOWN_ACTIONS), REST]), place };
}
