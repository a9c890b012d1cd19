// Plots of what was recorded beside the pictures, one row each, on the time axis of the scrub bar.

const ROW = 40; // px, of which the legend takes the upper HEAD
const HEAD = 14; // px
const CROWD = 4; // times the 90th percentile: bars beyond it are cut off, so that one goal does not flatten all else

class Plots {
  constructor(canvas, { reward, value, odds }) {
    this.canvas = canvas;
    this.rows = [reward, value, odds].filter(Boolean);
    this.painters = new Map([[reward, this.drawStack], [value, this.drawLine], [odds, this.drawStack]]);
    this.totals = reward && [reward, reward.soFar()];
    this.frames = this.rows[0]?.frames;
    canvas.hidden = !this.rows.length;
    canvas.style.height = `${this.rows.length * ROW}px`;
  }

  /** Draws the curves once for this width; `ink` is the colour of text. */
  resize(width, ratio, ink) {
    if (!this.rows.length || width < 1) return;
    Object.assign(this, { width, ratio, ink, curves: document.createElement("canvas") });
    for (const canvas of [this.canvas, this.curves]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(this.rows.length * ROW * ratio);
    }
    const ctx = this.curves.getContext("2d");
    ctx.scale(ratio, ratio);
    this.rows.forEach((row, i) => {
      ctx.save();
      ctx.translate(0, i * ROW);
      ctx.globalAlpha = 0.07;
      ctx.fillStyle = ink;
      ctx.fillRect(0, HEAD, width, ROW - HEAD);
      ctx.beginPath();
      ctx.rect(0, HEAD, width, ROW - HEAD);
      ctx.clip();
      ctx.globalAlpha = 1;
      this.painters.get(row).call(this, ctx, row);
      ctx.restore();
    });
  }

  x(frame) {
    return (frame / (this.frames - 1)) * this.width;
  }

  frameAt(x) {
    return (x / this.width) * (this.frames - 1);
  }

  /** Height in the row of a value between low and high; without a span, of zero. */
  y(value, low, high) {
    return ROW - 2 - ((value - low) / (high - low || 1)) * (ROW - HEAD - 3);
  }

  /** A bar per frame, or per pixel where frames are many: its parts one on the other, penalties below zero. */
  drawStack(ctx, series) {
    const bars = this.bars(series);
    const sum = (bar, sign) => bar.reduce((total, v) => total + Math.max(sign * v, 0), 0);
    const heights = [1, -1].map((sign) => bars.map((bar) => sum(bar, sign)));
    const usual = CROWD * percentile90(heights.flat().filter((height) => height > 0));
    const [high, low] = heights.map((some, i) => (i ? -1 : 1) * Math.min(Math.max(...some), usual));
    const wide = this.width / Math.max(bars.length - 1, 1);
    bars.forEach((bar, i) => {
      const tops = { 1: 0, "-1": 0 };
      bar.forEach((v, k) => {
        if (!v) return;
        const [sign, from] = [Math.sign(v), tops[Math.sign(v)]];
        tops[sign] += v;
        const [y0, y1] = [this.y(from, low, high), this.y(tops[sign], low, high)];
        ctx.fillStyle = series.inks[k];
        ctx.fillRect((i - 0.5) * wide, Math.min(y0, y1), wide + 0.3, Math.abs(y1 - y0));
      });
    });
    if (low < 0) this.drawZero(ctx, low, high);
  }

  /** The mean of each part over the frames of every bar; what is no number counts as nothing. */
  bars({ count, frames, data }) {
    const n = Math.min(frames, Math.max(2, Math.round(this.width)));
    const bars = Array.from({ length: n }, () => new Float32Array(count));
    const inBar = new Float32Array(n);
    const place = (f) => Math.round((f / (frames - 1)) * (n - 1));
    for (let f = 0; f < frames; f += 1) inBar[place(f)] += 1;
    data.forEach((v, i) => {
      const bar = place(Math.floor(i / count));
      bars[bar][i % count] += (v || 0) / inBar[bar];
    });
    return bars;
  }

  drawLine(ctx, { data, inks }) {
    const finite = data.filter(Number.isFinite);
    const low = finite.reduce((a, b) => Math.min(a, b), 0);
    const high = finite.reduce((a, b) => Math.max(a, b), 0);
    this.drawZero(ctx, low, high);
    ctx.beginPath();
    data.forEach((value, f) => {
      if (!Number.isFinite(value)) return;
      const joined = f && Number.isFinite(data[f - 1]);
      ctx[joined ? "lineTo" : "moveTo"](this.x(f), this.y(value, low, high));
    });
    stroke(ctx, inks[0], 1.4);
  }

  drawZero(ctx, low, high) {
    ctx.beginPath();
    ctx.moveTo(0, this.y(0, low, high));
    ctx.lineTo(this.width, this.y(0, low, high));
    ctx.globalAlpha = 0.3;
    stroke(ctx, this.ink, 1);
    ctx.globalAlpha = 1;
  }

  /** The curves with the playhead and the values under it. */
  draw(frame) {
    if (!this.curves) return;
    const ctx = this.canvas.getContext("2d");
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    ctx.drawImage(this.curves, 0, 0);
    ctx.scale(this.ratio, this.ratio);
    ctx.font = "10.5px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    this.rows.forEach((row, i) => this.drawLegend(ctx, row, Math.floor(frame), i * ROW + 7));
    ctx.fillStyle = this.ink;
    this.rows.forEach((_, i) => ctx.fillRect(this.x(frame) - 0.75, i * ROW + HEAD, 1.5, ROW - HEAD));
  }

  /** Title, what the row comes to at a frame, and the names of its parts in their colours. */
  drawLegend(ctx, row, f, y) {
    let x = 0;
    const add = (text, colour) => {
      const wide = ctx.measureText(text).width;
      if (x + wide > this.width) return;
      ctx.fillStyle = colour;
      ctx.fillText(text, x, y);
      x += wide + 9;
    };
    const total = (series) => digits(series.row(f).reduce((a, b) => a + (b || 0), 0));
    add(row.title, this.ink);
    if (row === this.totals?.[0]) add(`${total(row)} now, ${total(this.totals[1])} so far`, this.ink);
    else if (row.count === 1) add(digits(row.at(f, 0)), this.ink);
    if (row.count > 1) row.names.forEach((name, k) => add(name, row.inks[k]));
  }
}

const percentile90 = (values) => values.sort((a, b) => a - b)[Math.floor(values.length * 0.9)] ?? 0;
