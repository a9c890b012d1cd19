// Vectors and a perspective camera on a 2-D canvas. Points are [x, y, z] in uu, z up.
// The axes are left-handed, as in the game: right = up x forward.

const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const times = (a, k) => [a[0] * k, a[1] * k, a[2] * k];
const along = (a, b, k) => [a[0] + b[0] * k, a[1] + b[1] * k, a[2] + b[2] * k];
const blend = (a, b, k) => [a[0] + (b[0] - a[0]) * k, a[1] + (b[1] - a[1]) * k, a[2] + (b[2] - a[2]) * k];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const size = (a) => Math.hypot(a[0], a[1], a[2]);
const unit = (a) => times(a, 1 / (size(a) || 1));
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Turns p around a unit axis by an angle in radians (Rodrigues' formula). */
function turn(p, axis, angle) {
  const c = Math.cos(angle);
  return add(along(times(p, c), cross(axis, p), Math.sin(angle)), times(axis, dot(axis, p) * (1 - c)));
}

class Camera {
  static NEAR = 15; // uu; what lies closer to the eye is cut away

  constructor() {
    this.eye = null;
    this.look = null;
    this.fov = 40; // degrees, of the height
  }

  /** Glides towards a shot {eye, look, fov}; true while it still moves. `ease` in 0..1, 1 is a cut. */
  glide(shot, ease) {
    const far = this.eye && Math.max(size(sub(this.eye, shot.eye)), size(sub(this.look, shot.look))) > 1;
    const k = far ? ease : 1;
    this.eye = blend(this.eye ?? shot.eye, shot.eye, k);
    this.look = blend(this.look ?? shot.look, shot.look, k);
    this.fov += (shot.fov - this.fov) * k;
    return far;
  }

  /** Prepares the projection onto a canvas of width x height CSS pixels. */
  aim(width, height) {
    this.forward = unit(sub(this.look, this.eye));
    this.right = unit(cross([0, 0, 1], this.forward));
    this.up = cross(this.forward, this.right);
    this.focal = Math.min(height, width / 1.25) / 2 / Math.tan((this.fov * Math.PI) / 360); // narrow frames see as much
    this.centre = [width / 2, height / 2];
  }

  /** Camera coordinates: right, up, depth. */
  view(p) {
    const d = sub(p, this.eye);
    return [dot(d, this.right), dot(d, this.up), dot(d, this.forward)];
  }

  /** Pixels per uu at a point; 0 behind the eye. */
  scale(p) {
    const depth = dot(sub(p, this.eye), this.forward);
    return depth > Camera.NEAR ? this.focal / depth : 0;
  }

  screen([x, y, depth]) {
    const k = this.focal / depth;
    return [this.centre[0] + x * k, this.centre[1] - y * k];
  }

  /** Screen position of a point, or null behind the eye. */
  point(p) {
    const v = this.view(p);
    return v[2] > Camera.NEAR ? this.screen(v) : null;
  }

  /** Adds a line to the path of ctx, cut at the near plane. */
  line(ctx, a, b) {
    let [v, w] = [this.view(a), this.view(b)];
    if (v[2] <= Camera.NEAR && w[2] <= Camera.NEAR) return;
    if (v[2] < Camera.NEAR) v = blend(v, w, (Camera.NEAR - v[2]) / (w[2] - v[2]));
    if (w[2] < Camera.NEAR) w = blend(w, v, (Camera.NEAR - w[2]) / (v[2] - w[2]));
    ctx.moveTo(...this.screen(v));
    ctx.lineTo(...this.screen(w));
  }

  /** Adds a closed polygon to the path of ctx, cut at the near plane. */
  polygon(ctx, points) {
    const views = points.map((p) => this.view(p));
    const kept = [];
    views.forEach((v, i) => {
      const w = views[(i + 1) % views.length];
      if (v[2] >= Camera.NEAR) kept.push(v);
      if (v[2] >= Camera.NEAR !== w[2] >= Camera.NEAR) kept.push(blend(v, w, (Camera.NEAR - v[2]) / (w[2] - v[2])));
    });
    kept.forEach((v, i) => (i ? ctx.lineTo(...this.screen(v)) : ctx.moveTo(...this.screen(v))));
    if (kept.length) ctx.closePath();
  }

  /** Fills polygons in one colour. */
  fill(ctx, colour, ...polygons) {
    ctx.beginPath();
    for (const points of polygons) this.polygon(ctx, points);
    ctx.fillStyle = colour;
    ctx.fill();
  }
}
