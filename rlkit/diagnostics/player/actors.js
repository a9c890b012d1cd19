// What moves: ball, cars, trails, boost flames, sparks and name tags.

const BALL_RADIUS = 92.75; // uu; RLBot wiki, "Useful game values"
const LIGHT = unit([0.35, 0.25, 0.9]); // direction towards the light
const BALL_SHADES = [[0, "#ffffff"], [0.45, "#ccd6e2"], [0.85, "#5f6d80"], [1, "#39434f"]];
const MIN_CAR = 32; // px; a car is never drawn shorter than this, so that it can be seen from afar
const MIN_BALL = 7; // px, radius

/** Edges of a truncated icosahedron of radius 1: the seams of a football. */
const SEAMS = (() => {
  const g = (1 + Math.sqrt(5)) / 2;
  const corners = [];
  for (const p of [[0, 1, 3 * g], [1, 2 + g, 2 * g], [g, 2, 2 * g + 1]]) {
    for (let mask = 0; mask < 8; mask += 1) {
      if (p[0] === 0 && mask & 1) continue; // -0 is the same corner
      const q = p.map((v, k) => (mask & (1 << k) ? -v : v));
      for (let k = 0; k < 3; k += 1) corners.push([q[k], q[(k + 1) % 3], q[(k + 2) % 3]]);
    }
  }
  const neighbours = (p, q) => Math.abs(size(sub(p, q)) - 2) < 1e-6;
  const edges = corners.flatMap((p, i) => corners.slice(i + 1).filter((q) => neighbours(p, q)).map((q) => [p, q]));
  return edges.map((edge) => edge.map(unit));
})();

// Car parts: convex solids. Corners are uu [forward, right, up] from the car's origin, 17 uu above the floor.
const FACES = [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]];
const plate = (rear, front, wide, narrow, zRear, zFront) =>
  [[rear, -wide, zRear], [front, -narrow, zFront], [front, narrow, zFront], [rear, wide, zRear]];
const solid = (low, high) => {
  const corners = [...low, ...high];
  return { faces: FACES.map((face) => face.map((i) => corners[i])), middle: times(corners.reduce(add), 1 / 8) };
};
const BODY = solid(plate(-46, 74, 40, 32, -6, -8), plate(-46, 71, 42, 31, 25, 9));
const CABIN = solid(plate(-36, 34, 35, 29, 25, 16), plate(-26, 6, 26, 24, 44, 42));
const WING = solid(plate(-54, -38, 41, 41, 36, 38), plate(-55, -39, 41, 41, 40, 42));
const CHEVRON = [[69, 0, 10], [42, -25, 15], [50, 0, 13.5], [42, 25, 15]]; // on the bonnet: shows the nose
const TAIL_LIGHTS = [-1, 1].map((side) =>
  [[38, 20], [20, 20], [20, 13], [38, 13]].map(([right, up]) => [-46.5, right * side, up]));
const WHEELS = [[50, 36, 14], [50, -36, 14], [-31, 38, 17], [-31, -38, 17]].map(([x, y, radius]) => {
  const rim = (at, r) => Array.from({ length: 10 }, (_, i) => {
    const angle = (2 * Math.PI * i) / 10;
    return [x + r * Math.cos(angle), at, radius - 17 + r * Math.sin(angle)];
  });
  const [inner, outer, hub] = [rim(y * 0.8, radius), rim(y * 1.2, radius), rim(y * 1.2, radius / 2)];
  const tread = inner.map((p, i) => [p, inner[(i + 1) % 10], outer[(i + 1) % 10], outer[i]]);
  return { side: Math.sign(y), middle: [x, y, radius - 17], faces: [...tread, outer], hub };
});
const FLAME = [ // length, width in uu, colour, strength: from the outer to the inner cone
  [170, 24, [255, 110, 30], 0.5], [115, 16, [255, 180, 60], 0.7], [60, 9, [255, 245, 210], 0.9],
];

function drawShadow(ctx, camera, { position, forward, right, stretch }) {
  const alpha = 0.55 * clamp(1 - position[2] / 1600, 0.15, 1);
  const corner = (f, r) => {
    const [x, y] = along(along(position, forward, f * stretch), right, r * stretch);
    return [x, y, 1];
  };
  camera.fill(ctx, `rgba(2,4,8,${alpha})`, [corner(-50, -44), corner(74, -36), corner(74, 36), corner(-50, 44)]);
}

/** Shadow, and a ring and a plumb line that tell where a high ball will come down. */
function drawBallMark(ctx, camera, position) {
  const foot = [position[0], position[1], 1];
  const height = clamp((position[2] - BALL_RADIUS) / 1600, 0, 1);
  camera.fill(ctx, `rgba(2,4,8,${0.55 - 0.35 * height})`, disc(foot, BALL_RADIUS * (1 + 0.4 * height), 24));
  if (height < 0.03) return;
  ctx.beginPath();
  camera.polygon(ctx, disc(foot, BALL_RADIUS * (1.2 + height), 32));
  camera.line(ctx, foot, position);
  stroke(ctx, `rgba(255,255,255,${0.15 + 0.3 * height})`, 1.2);
}

/** A fading ribbon of light through points, newest first, that turns its flat side to the eye; width in uu. */
function drawTrail(ctx, camera, points, colour, width, alpha) {
  const fade = (i) => 1 - i / (points.length - 1);
  const rims = points.map((p, i) => {
    const heading = sub(points[Math.max(i - 1, 0)], points[Math.min(i + 1, points.length - 1)]);
    const side = times(unit(cross(heading, sub(camera.eye, p))), (width / 2) * fade(i));
    return [add(p, side), sub(p, side)];
  });
  ctx.globalCompositeOperation = "lighter";
  for (let i = 0; i + 1 < points.length; i += 1) {
    const [[a, b], [c, d]] = [rims[i], rims[i + 1]];
    camera.fill(ctx, rgba(colour, alpha * fade(i) ** 2), [a, b, d, c]);
  }
  ctx.globalCompositeOperation = "source-over";
}

function drawBall(ctx, camera, { position, seams, colour }) {
  const centre = camera.point(position);
  if (!centre) return;
  const radius = Math.max(BALL_RADIUS * camera.scale(position), MIN_BALL);
  glow(ctx, centre, radius * 2.1, colour, 0.5);
  const [x, y] = centre;
  const shade = ctx.createRadialGradient(x - radius * 0.35, y - radius * 0.45, radius * 0.1, x, y, radius);
  for (const [at, ink] of BALL_SHADES) shade.addColorStop(at, ink);
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = shade;
  ctx.fill();
  if (radius > 9) {
    const toEye = unit(sub(camera.eye, position));
    ctx.beginPath();
    for (const [p, q] of seams) {
      if (Math.min(dot(p, toEye), dot(q, toEye)) < 0.12) continue;
      camera.line(ctx, along(position, p, BALL_RADIUS), along(position, q, BALL_RADIUS));
    }
    stroke(ctx, "rgba(20,28,40,0.55)", clamp(radius / 22, 0.6, 3));
  }
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  stroke(ctx, rgba(blend(colour, [255, 255, 255], 0.3), 0.8), clamp(radius / 16, 1, 3));
}

/** Fills the faces of a part that look at the eye, lit from above. */
function drawSolid(ctx, camera, place, { faces, middle }, colour) {
  const heart = place(middle);
  for (const face of faces) {
    const points = face.map(place);
    let normal = unit(cross(sub(points[1], points[0]), sub(points[2], points[0])));
    if (dot(normal, sub(points[0], heart)) < 0) normal = times(normal, -1);
    if (dot(normal, sub(camera.eye, points[0])) <= 0) continue;
    const shade = 0.5 + 0.62 * Math.max(dot(normal, LIGHT), 0);
    ctx.beginPath();
    camera.polygon(ctx, points);
    ctx.fillStyle = rgba(times(colour, shade).map((v) => Math.min(v, 255)), 1);
    ctx.fill();
    stroke(ctx, rgba(blend(times(colour, shade), [255, 255, 255], 0.25), 0.5), 0.7);
  }
}

function drawCar(ctx, camera, car) {
  const { position, forward, right, up, stretch } = car;
  const place = ([f, r, u]) => along(along(along(position, forward, f * stretch), right, r * stretch), up, u * stretch);
  const toEye = sub(camera.eye, position);
  const colour = TEAM[car.team];
  const wheels = (near) => WHEELS.filter((w) => dot(right, toEye) * w.side > 0 === near).forEach((w) => {
    drawSolid(ctx, camera, place, w, [40, 44, 52]);
    if (near) camera.fill(ctx, "rgb(128,138,152)", w.hub.map(place));
  });
  const top = () => {
    drawSolid(ctx, camera, place, CABIN, [44, 58, 82]);
    drawSolid(ctx, camera, place, WING, times(colour, 0.75));
  };
  const above = dot(up, toEye) > 20;
  if (!above) top();
  wheels(false);
  drawSolid(ctx, camera, place, BODY, colour);
  if (above) camera.fill(ctx, "rgba(255,255,255,0.92)", CHEVRON.map(place));
  if (dot(forward, toEye) < -50) camera.fill(ctx, "rgb(255,70,70)", ...TAIL_LIGHTS.map((light) => light.map(place)));
  wheels(true);
  if (above) top();
}

/** Exhaust of a boosting car: three nested cones of light that flicker with the time of the match. */
function drawFlame(ctx, camera, { position, forward, up, stretch }, seconds) {
  const nozzle = along(along(position, forward, -48 * stretch), up, 12 * stretch);
  const flicker = 0.85 + 0.15 * Math.sin(seconds * 71) + 0.08 * Math.sin(seconds * 133);
  const side = unit(cross(forward, sub(camera.eye, nozzle)));
  ctx.globalCompositeOperation = "lighter";
  for (const [length, width, colour, alpha] of FLAME) {
    const at = (back, out) => along(along(nozzle, forward, -length * back * stretch), side, width * out * stretch);
    camera.fill(ctx, rgba(colour, alpha), [at(0, 0.5), at(0.25, 1), at(flicker, 0), at(0.25, -1), at(0, -0.5)]);
  }
  ctx.globalCompositeOperation = "source-over";
  const at = camera.point(nozzle);
  if (at) glow(ctx, at, 130 * stretch * camera.scale(nozzle), [255, 150, 60], 0.5);
}

/** A burst of light where a goal was scored; `age` in seconds. */
function drawBurst(ctx, camera, position, colour, age) {
  const life = 1.6; // s
  if (age > life) return;
  const fade = 1 - age / life;
  const centre = camera.point(position);
  if (centre) glow(ctx, centre, (500 + 2200 * age) * camera.scale(position), colour, 0.9 * fade * fade);
  const reach = 1900 * (1 - Math.exp(-2.2 * age));
  ctx.globalCompositeOperation = "lighter";
  for (let i = 0; i < 90; i += 1) {
    const [a, b, c] = [0.618, 0.755, 0.57].map((k) => (i * k) % 1); // evenly scattered, the same every time
    const level = Math.sqrt(1 - 0.8 * b * b);
    const direction = [Math.cos(2 * Math.PI * a) * level, Math.sin(2 * Math.PI * a) * level, b];
    const head = along(position, direction, reach * (0.35 + 0.65 * c));
    head[2] = Math.max(head[2] - 320 * age * age, 5);
    ctx.beginPath();
    camera.line(ctx, head, blend(head, position, 0.08 * fade));
    stroke(ctx, rgba(i % 3 ? colour : [255, 255, 255], fade), clamp(16 * camera.scale(head), 1, 5));
  }
  ctx.globalCompositeOperation = "source-over";
}

/** Name and boost above a car. */
function drawTag(ctx, camera, car) {
  const at = camera.point(car.position);
  if (!at) return;
  ctx.font = "600 11px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const width = ctx.measureText(car.name).width + 14;
  const [x, y] = [at[0], at[1] - 18 - 60 * car.stretch * camera.scale(car.position)];
  ctx.beginPath();
  ctx.roundRect(x - width / 2, y - 9, width, 18, 5);
  ctx.fillStyle = "rgba(6,10,18,0.62)";
  ctx.fill();
  ctx.fillStyle = rgba(blend(TEAM[car.team], [255, 255, 255], 0.35), 1);
  ctx.fillText(car.name, x, y);
  ctx.fillStyle = rgba(TEAM[car.team], 0.95);
  ctx.fillRect(x - width / 2 + 4, y + 6.5, ((width - 8) * car.boost) / 100, 2);
}
