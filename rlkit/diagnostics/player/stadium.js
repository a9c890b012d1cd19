// The arena: night sky, shaded floor, glass walls, goals and boost pads. Blue defends -y, orange +y.

// uu; RLBot wiki, "Useful game values". The corner walls are |x| + |y| = corner.
const FIELD = { x: 4096, y: 5120, z: 2048, corner: 8064, goalX: 893, goalZ: 643, goalDepth: 880, ramp: 256 };
const TEAM = [[64, 156, 255], [255, 140, 40]]; // RGB of blue and orange
const TINT = [[48, 130, 255], [255, 100, 30]]; // the same on dark grass
const rgba = ([r, g, b], alpha) => `rgba(${r | 0},${g | 0},${b | 0},${alpha})`;
const mixed = (a, b, k) => rgba(blend(a, b, k), 1);

/** A level polygon of n corners about a point. */
const disc = ([x, y, z], radius, n) => Array.from({ length: n }, (_, i) => {
  const angle = (2 * Math.PI * i) / n;
  return [x + radius * Math.cos(angle), y + radius * Math.sin(angle), z];
});

/** Level rectangle between two corners at height z. */
const slab = (x0, y0, x1, y1, z) => [[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]];

/** Eight corners of the wall outline, counter-clockwise, `inset` uu inside the walls, at height z. */
function outline(inset, z) {
  const [x, y, sum] = [FIELD.x - inset, FIELD.y - inset, FIELD.corner - inset * Math.SQRT2];
  const half = [[x, x - sum], [x, sum - x], [sum - y, y], [y - sum, y]];
  return [...half, ...half.map((p) => [-p[0], -p[1]])].map(([a, b]) => [a, b, z]);
}

/** Quads between two outlines [inset, z]; the back walls (sides 2 and 6) stay open at the goals below the crossbar. */
function band(low, high) {
  const [a, b] = [outline(...low), outline(...high)];
  return a.flatMap((_, i) => {
    const j = (i + 1) % 8;
    if (i % 4 !== 2 || high[1] > FIELD.goalZ) return [[a[i], a[j], b[j], b[i]]];
    const post = ([x, y, z]) => [Math.sign(x) * FIELD.goalX, y, z];
    return [[a[i], post(a[i]), post(b[i]), b[i]], [post(a[j]), a[j], b[j], post(b[j])]];
  });
}

/** Net panels of the goal at y sign: sides, roof, back. */
function netPanels(sign) {
  const [x, z, y0, y1] = [FIELD.goalX, FIELD.goalZ, sign * FIELD.y, sign * (FIELD.y + FIELD.goalDepth)];
  const side = (at) => [[at, y0, 0], [at, y1, 0], [at, y1, z], [at, y0, z]];
  return [side(x), side(-x), slab(-x, y0, x, y1, z), [[-x, y1, 0], [x, y1, 0], [x, y1, z], [-x, y1, z]]];
}

class Stadium {
  static STRIPE = 640; // uu, width of a mown stripe
  static BIG_PADS = [[3072, 4096], [3584, 0]]; // uu, |x|, |y| of the pads that fill the tank

  constructor(wireframe, padPosition) {
    this.segments = Array.from({ length: wireframe.shape[0] }, (_, i) => {
      const [a, b] = [wireframe.vector(2 * i), wireframe.vector(2 * i + 1)];
      return { a, b, middle: blend(a, b, 0.5) };
    });
    this.pads = Array.from({ length: padPosition.shape[0] }, (_, i) => {
      const [x, y] = [padPosition.data[2 * i], padPosition.data[2 * i + 1]];
      const big = Stadium.BIG_PADS.some(([u, v]) => Math.hypot(Math.abs(x) - u, Math.abs(y) - v) < 60);
      return { at: [x, y, 2], big };
    });
    this.segments.push(...this.mullions());
    this.crowd = this.seatCrowd();
    const rounding = [[256, 0], [128, 34], [34, 128], [0, FIELD.ramp]]; // inset, height of a quarter circle
    this.ramps = rounding.slice(1).map((high, i) => band(rounding[i], high));
    this.walls = [band([0, FIELD.ramp], [0, FIELD.goalZ]), band([0, FIELD.goalZ], [0, FIELD.z])];
    this.markings = this.paint();
  }

  /** Uprights of the glass, about every 1000 uu along the walls, from the ramp to the curve of the ceiling. */
  mullions() {
    const base = outline(0, 0);
    return base.flatMap((p, i) => {
      const q = base[(i + 1) % 8];
      const pieces = Math.round(size(sub(q, p)) / 1000);
      return Array.from({ length: pieces - 1 }, (_, k) => {
        const [x, y] = blend(p, q, (k + 1) / pieces);
        const low = Math.abs(x) < FIELD.goalX && Math.abs(y) > 5000 ? FIELD.goalZ : FIELD.ramp;
        return { a: [x, y, low], b: [x, y, FIELD.z - 512], middle: [x, y, 1000], faint: 0.45 };
      });
    });
  }

  /** Lights of the crowd in stands that rise behind the walls; the same at every showing. */
  seatCrowd() {
    return Array.from({ length: 1000 }, (_, i) => {
      const [a, b, c] = [i * 0.61803 + 0.1, i * 0.75488, i * 0.56984].map((v) => v % 1);
      const ring = outline(-900 - 1500 * b, 350 + 2300 * b);
      const side = Math.floor(a * 8);
      const at = blend(ring[side], ring[(side + 1) % 8], (a * 8) % 1);
      const team = TEAM[at[1] > 0 ? 1 : 0];
      return { at, colour: rgba(c < 0.5 ? blend(team, [255, 255, 255], 0.25) : [190, 205, 235], 0.15 + 0.6 * c * c) };
    });
  }

  /** White lines of the floor as thin polygons, so that they shrink with distance. */
  paint() {
    const circle = disc([0, 0, 0], 1150, 64);
    const inner = disc([0, 0, 0], 1124, 64);
    const ring = circle.map((p, i) => [p, circle[(i + 1) % 64], inner[(i + 1) % 64], inner[i]]);
    const boxes = [-1, 1].flatMap((s) => [
      slab(-1600, s * 4050, 1600, s * 4076, 0), slab(-1600, s * 4050, -1574, s * 4860, 0),
      slab(1574, s * 4050, 1600, s * 4860, 0), slab(-893, s * 5107, 893, s * 5133, 0),
    ]);
    return [...ring, ...boxes, slab(-3840, -13, 3840, 13, 0)];
  }

  /** Everything that stands still; `heat` 0..1 per team lights up the goal it scored in. */
  draw(ctx, camera, active, heat) {
    this.drawSky(ctx, camera);
    this.drawFloor(ctx, camera);
    this.drawWalls(ctx, camera);
    [0, 1].forEach((team) => this.drawGoal(ctx, camera, team, heat[1 - team]));
    this.drawWires(ctx, camera);
    this.pads.forEach((pad, i) => this.drawPad(ctx, camera, pad, active(i)));
  }

  drawSky(ctx, camera) {
    const [width, height] = [camera.centre[0] * 2, camera.centre[1] * 2];
    const sky = ctx.createLinearGradient(0, 0, 0, height);
    [[0, "#05070f"], [0.45, "#0d1526"], [1, "#05080f"]].forEach(([at, colour]) => sky.addColorStop(at, colour));
    ctx.fillStyle = sky;
    ctx.fillRect(0, 0, width, height);
    for (const [x, y] of [[1, 1], [1, -1], [-1, 1], [-1, -1]]) { // flood lights above the corners
      const lamp = [x * 4600, y * 5600, 3000];
      const at = camera.point(lamp);
      if (!at) continue;
      glow(ctx, at, 2600 * camera.scale(lamp), [120, 155, 225], 0.3);
      glow(ctx, at, 420 * camera.scale(lamp), [230, 240, 255], 0.9);
    }
    for (const { at, colour } of this.crowd) {
      const dotSize = clamp(26 * camera.scale(at), 0, 4);
      if (!dotSize || behindWall(camera.eye, at)) continue;
      const [x, y] = camera.point(at);
      ctx.fillStyle = colour;
      ctx.fillRect(x, y, dotSize, dotSize);
    }
  }

  drawFloor(ctx, camera) {
    const goals = [-1, 1].map((s) => slab(-FIELD.goalX, s * 4700, FIELD.goalX, s * 6000, 0));
    camera.fill(ctx, "#15212d", outline(FIELD.ramp, 0), ...goals);
    const [side, corner] = outline(FIELD.ramp, 0)[1];
    const half = (y) => Math.min(side, side + corner - Math.abs(y)); // the floor's half width at y
    const strip = (y0, y1) => [[-half(y0), y0, 0], [half(y0), y0, 0], [half(y1), y1, 0], [-half(y1), y1, 0]];
    const stripes = [];
    for (let y = -4480; y < 4480; y += 2 * Stadium.STRIPE) stripes.push(strip(y, y + Stadium.STRIPE));
    camera.fill(ctx, "rgba(160,205,225,0.055)", ...stripes);
    for (const [team, sign] of [[0, -1], [1, 1]]) {
      for (let y = Stadium.STRIPE; y < 4800; y += Stadium.STRIPE) { // layers: the tint grows towards the goal
        const ys = [y, ...(corner > y ? [corner] : []), FIELD.y - FIELD.ramp];
        const edge = ys.map((v) => [half(v), sign * v, 0]);
        camera.fill(ctx, rgba(TINT[team], 0.028), [...edge, ...edge.map(([x, v]) => [-x, v, 0]).reverse()]);
      }
      camera.fill(ctx, rgba(TEAM[team], 0.2), slab(-FIELD.goalX, sign * 5120, FIELD.goalX, sign * 6000, 0));
    }
    camera.fill(ctx, "rgba(214,232,255,0.34)", ...this.markings);
  }

  drawWalls(ctx, camera) {
    const facing = (quad) => dot(cross(sub(quad[1], quad[0]), sub(quad[3], quad[0])), sub(camera.eye, quad[0])) < 0;
    const shades = [0.16, 0.13, 0.1];
    this.ramps.forEach((quads, i) => camera.fill(ctx, rgba([120, 160, 205], shades[i]), ...quads.filter(facing)));
    this.walls.forEach((quads, i) => camera.fill(ctx, rgba([90, 130, 190], i ? 0.05 : 0.08), ...quads.filter(facing)));
  }

  drawGoal(ctx, camera, team, heat) {
    const sign = team ? 1 : -1;
    const panels = netPanels(sign);
    panels.forEach((panel) => camera.fill(ctx, rgba(TEAM[team], 0.1 + 0.25 * heat), panel));
    const [x, y, z, back] = [FIELD.goalX, sign * FIELD.y, FIELD.goalZ, sign * (FIELD.y + FIELD.goalDepth)];
    ctx.beginPath();
    for (let k = -4; k <= 4; k += 1) { // the net
      camera.line(ctx, [(x * k) / 4, back, 0], [(x * k) / 4, back, z]);
      camera.line(ctx, [(x * k) / 4, y, z], [(x * k) / 4, back, z]);
    }
    for (const h of [z / 3, (2 * z) / 3]) {
      camera.line(ctx, [-x, back, h], [x, back, h]);
      for (const s of [-x, x]) camera.line(ctx, [s, y, h], [s, back, h]);
    }
    stroke(ctx, rgba(TEAM[team], 0.25 + 0.4 * heat), 1);
    ctx.beginPath();
    camera.line(ctx, [-x, y, 0], [-x, y, z]);
    camera.line(ctx, [-x, y, z], [x, y, z]);
    camera.line(ctx, [x, y, z], [x, y, 0]);
    stroke(ctx, rgba(TEAM[team], 0.25 + 0.3 * heat), 7);
    stroke(ctx, mixed(TEAM[team], [255, 255, 255], 0.25 + 0.6 * heat), 2.2);
  }

  /** Wires fade with distance and where a wall stands between the eye and the field. */
  drawWires(ctx, camera) {
    const buckets = new Map();
    for (const { a, b, middle, faint = 1 } of this.segments) {
      const near = clamp(1.1 - size(sub(camera.eye, middle)) / 15000, 0.3, 1);
      const level = Math.round(near * faint * (behindWall(camera.eye, middle) ? 0.3 : 1) * 8);
      const side = Math.sign(Math.round(middle[1] / 2500));
      const key = level * 3 + side + 1;
      if (!buckets.has(key)) buckets.set(key, []);
      buckets.get(key).push([a, b]);
    }
    for (const [key, lines] of buckets) {
      const side = (key % 3) - 1;
      const colour = side ? blend([185, 210, 245], TEAM[side > 0 ? 1 : 0], 0.55) : [185, 210, 245];
      ctx.beginPath();
      for (const [a, b] of lines) camera.line(ctx, a, b);
      stroke(ctx, rgba(colour, Math.floor(key / 3) / 14), 1.1);
    }
  }

  drawPad(ctx, camera, { at, big }, active) {
    const radius = big ? 150 : 72;
    camera.fill(ctx, active ? "rgba(255,196,72,0.28)" : "rgba(150,170,190,0.10)", disc(at, radius, big ? 20 : 12));
    camera.fill(ctx, active ? "rgba(255,214,120,0.9)" : "rgba(150,170,190,0.16)", disc(at, radius * 0.55, 12));
    if (!big || !active) return;
    const orb = [at[0], at[1], 110];
    const centre = camera.point(orb);
    if (centre) glow(ctx, centre, 190 * camera.scale(orb), [255, 200, 90], 0.75);
  }
}

/** Whether the wall at p stands between the eye and the field. */
const behindWall = (eye, p) => dot(sub(eye, p), [-p[0], -p[1], 600 - p[2]]) < 0;

function stroke(ctx, colour, width) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.stroke();
}

/** A soft round light, added to what is there. */
function glow(ctx, [x, y], radius, colour, alpha) {
  if (radius < 0.5) return;
  const light = ctx.createRadialGradient(x, y, 0, x, y, radius);
  light.addColorStop(0, rgba(colour, alpha));
  light.addColorStop(0.4, rgba(colour, alpha * 0.3));
  light.addColorStop(1, rgba(colour, 0));
  ctx.globalCompositeOperation = "lighter";
  ctx.fillStyle = light;
  ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  ctx.globalCompositeOperation = "source-over";
}
