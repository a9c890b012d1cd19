// Small plots of what was recorded beside the pictures, one row each, on the time axis of the scrub bar.

const ROW = 42; // px, of which the legend takes the upper HEAD
const HEAD = 15; // px
const INKS = ["#3b8ff0", "#f08a24", "#22a873", "#c85ad8", "#c79a10", "#e5534b", "#1fa5b8", "#8f78e8", "#7d9160"];
const TITLES = { reward_terms: "reward", value: "value", action_odds: "actions" };

class Plots {
  constructor(canvas, { arrays, meta }, frames) {
    this.canvas = canvas;
    this.frames = frames;
    this.rows = Object.keys(TITLES).filter((key) => arrays[key] && frames > 1).map((key) => {
      const { shape, data } = arrays[key];
      const count = shape[1] ?? 1;
      const given = meta.series_names?.[key] ?? [];
      const names = Array.from({ length: count }, (_, k) => given[k] ?? (count > 1 ? `${k + 1}` : ""));
      return { title: TITLES[key], heat: key === "action_odds", count, names, data };
    });
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
      ctx.globalAlpha = 1;
      (row.heat ? this.drawHeat : this.drawLines).call(this, ctx, row);
      ctx.restore();
    });
  }

  x(frame) {
    return (frame / (this.frames - 1)) * this.width;
  }

  drawLines(ctx, row) {
    const finite = row.data.filter(Number.isFinite);
    const low = finite.reduce((a, b) => Math.min(a, b), 0);
    const high = finite.reduce((a, b) => Math.max(a, b), 0);
    const y = (value) => ROW - 2 - ((value - low) / (high - low || 1)) * (ROW - HEAD - 4);
    ctx.beginPath();
    ctx.moveTo(0, y(0));
    ctx.lineTo(this.width, y(0));
    ctx.globalAlpha = 0.25;
    stroke(ctx, this.ink, 1);
    ctx.globalAlpha = 0.9;
    for (let k = 0; k < row.count; k += 1) {
      ctx.beginPath();
      let drawn = false;
      for (let f = 0; f < this.frames; f += 1) {
        const value = row.data[f * row.count + k];
        if (!Number.isFinite(value)) drawn = false;
        else if (drawn) ctx.lineTo(this.x(f), y(value));
        else { ctx.moveTo(this.x(f), y(value)); drawn = true; }
      }
      stroke(ctx, INKS[k % INKS.length], 1.2);
    }
  }

  /** One line per action, brighter where it was likelier. */
  drawHeat(ctx, row) {
    const tall = (ROW - HEAD) / row.count;
    const wide = Math.max(this.width / this.frames, 1);
    ctx.fillStyle = INKS[0];
    for (let f = 0; f < this.frames; f += 1) {
      for (let k = 0; k < row.count; k += 1) {
        ctx.globalAlpha = clamp(row.data[f * row.count + k] || 0, 0, 1);
        if (ctx.globalAlpha > 0.02) ctx.fillRect(this.x(f) - wide / 2, HEAD + k * tall, wide + 0.3, tall);
      }
    }
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
    const at = Math.floor(frame);
    this.rows.forEach((row, i) => this.drawLegend(ctx, row, at, i * ROW + 8));
    ctx.fillStyle = this.ink;
    this.rows.forEach((_, i) => ctx.fillRect(this.x(frame) - 0.5, i * ROW + HEAD, 1, ROW - HEAD));
  }

  drawLegend(ctx, row, at, y) {
    const values = Array.from({ length: row.count }, (_, k) => row.data[at * row.count + k]);
    const best = values.indexOf(Math.max(...values));
    const shown = row.heat ? [best] : values.map((_, k) => k);
    let x = 0;
    const write = (text, colour) => {
      ctx.fillStyle = colour;
      ctx.fillText(text, x, y);
      x += ctx.measureText(text).width + 9;
    };
    write(row.title, this.ink);
    for (const k of shown) {
      const value = Number.isFinite(values[k]) ? values[k].toFixed(row.heat ? 2 : 3) : "-";
      if (x < this.width - 60) write(`${row.names[k]} ${value}`.trim(), INKS[(row.heat ? 0 : k) % INKS.length]);
    }
  }
}
