// A Rocket League match: state between recorded frames, cameras, events, and the picture of one moment.

const GOAL_SHOW = 2.2; // s that a goal is celebrated
const KMH = 0.036; // km/h per uu/s, with 1 uu = 1 cm
const SPEED_LIMIT = { ball: 6000, car: 2300 }; // uu/s; what moves faster was put there, not driven
const VIEWS = ["chase", "side", "top", "free"];
const EASE_SECONDS = { chase: 0.1, side: 0.4, top: 0.25, free: 0.07 }; // a camera then has gone two thirds of its way

/** Smooth position at a fractional frame (Catmull-Rom); holds still across a jump such as a kickoff. */
function glide(points, stride, column, frame, last, jump) {
  const i = Math.min(Math.floor(frame), last);
  const at = (k) => points.vector(clamp(k, 0, last) * stride + column);
  const [p, q] = [at(i), at(i + 1)];
  if (size(sub(q, p)) > jump) return p;
  let [before, after] = [at(i - 1), at(i + 2)];
  if (size(sub(p, before)) > jump) before = p;
  if (size(sub(after, q)) > jump) after = q;
  const t = frame - i;
  const [m, n] = [times(sub(q, before), 0.5), times(sub(after, p), 0.5)];
  const a = t * t * (3 - 2 * t);
  return along(along(blend(p, q, a), m, t * (1 - t) * (1 - t)), n, t * t * (t - 1));
}

class Match {
  views = VIEWS;
  view = "side";
  followed = 0;

  constructor({ arrays, meta, seconds_per_frame: step }) {
    Object.assign(this, { arrays, meta, step, camera: new Camera() });
    this.frames = arrays.ball_position.shape[0];
    this.cars = arrays.car_position.shape[1];
    this.names = Array.from({ length: this.cars }, (_, c) => meta.names?.[c] ?? `car ${c + 1}`);
    this.teams = Array.from({ length: this.cars }, (_, c) => meta.teams?.[c] ?? c % 2);
    this.stadium = new Stadium(arrays.wireframe, arrays.pad_position);
    this.goals = this.findGoals();
    this.touches = this.findTouches();
    const named = (events, kind) => events.map((event) => ({ ...event, kind }));
    this.marks = [...named(this.touches, "touch"), ...named(this.goals, "goal")];
    this.rolls = this.rollBall();
    this.orbit = { ...Match.ORBIT };
  }

  static ORBIT = { target: [0, 0, 0], yaw: 0.55, pitch: 0.52, distance: 9400 }; // radians and uu

  score(frame, team) {
    return Math.round(this.arrays.score.data[2 * frame + team]);
  }

  findGoals() {
    const goals = [];
    for (let frame = 1; frame < this.frames; frame += 1) {
      for (const team of [0, 1]) if (this.score(frame, team) > this.score(frame - 1, team)) goals.push({ frame, team });
    }
    return goals;
  }

  findTouches() {
    const touched = this.arrays.touches?.data ?? [];
    const touches = [];
    touched.forEach((hit, i) => {
      if (hit) touches.push({ frame: Math.floor(i / this.cars), team: this.teams[i % this.cars], car: i % this.cars });
    });
    return touches;
  }

  /** The ball's seams at each frame. Its spin is not recorded: it is drawn as if it rolled along its path. */
  rollBall() {
    const axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    const rolls = [axes];
    for (let i = 1; i < this.frames; i += 1) {
      const move = sub(this.arrays.ball_position.vector(i), this.arrays.ball_position.vector(i - 1));
      rolls.push(rolled(rolls[i - 1], size(move) > SPEED_LIMIT.ball * this.step * 1.5 ? [0, 0, 0] : move));
    }
    return rolls;
  }

  /** Ball and cars at a fractional frame. */
  state(frame) {
    const { arrays, step, cars } = this;
    const last = this.frames - 1;
    const i = Math.min(Math.floor(frame), last);
    const ball = glide(arrays.ball_position, 1, 0, frame, last, SPEED_LIMIT.ball * step * 1.5);
    ball[2] = Math.max(ball[2], BALL_RADIUS);
    const axes = rolled(this.rolls[i], sub(ball, arrays.ball_position.vector(i)));
    const turned = (p) => along(along(times(axes[0], p[0]), axes[1], p[1]), axes[2], p[2]);
    return {
      ball,
      seams: SEAMS.map((edge) => edge.map(turned)),
      cars: Array.from({ length: cars }, (_, c) => this.car(c, i, frame)),
    };
  }

  car(c, i, frame) {
    const { arrays, cars } = this;
    const [last, t] = [this.frames - 1, frame - i];
    const next = Math.min(i + 1, last);
    const between = (array) => unit(blend(array.vector(i * cars + c), array.vector(next * cars + c), t));
    const jump = SPEED_LIMIT.car * this.step * 1.5 + 60;
    const position = glide(arrays.car_position, cars, c, frame, last, jump);
    const forward = between(arrays.car_forward);
    const right = unit(cross(between(arrays.car_up), forward));
    const tank = (k) => arrays.car_boost.data[clamp(k, 0, last) * cars + c];
    return {
      index: c, name: this.names[c], team: this.teams[c], position, forward, right, up: cross(forward, right),
      boost: tank(i) + (tank(next) - tank(i)) * t, boosting: tank(i) - tank(next) > 0.4,
    };
  }

  /** Last goal not older than GOAL_SHOW at a time in seconds, with its age, or null. */
  celebration(seconds) {
    const goal = this.goals.findLast((g) => g.frame * this.step <= seconds);
    const age = goal ? seconds - goal.frame * this.step : Infinity;
    return age < GOAL_SHOW ? { ...goal, age } : null;
  }

  /** Team that touched the ball last, or null. */
  owner(frame) {
    return this.touches.findLast((touch) => touch.frame <= frame)?.team ?? null;
  }

  shot({ ball, cars }) {
    return this[`${this.view}Shot`](ball, cars);
  }

  /** Behind a car, leaning up to a radian towards the ball to keep it in sight. */
  chaseShot(ball, cars) {
    const { position, forward } = cars[this.followed];
    const nose = Math.atan2(forward[1], forward[0]);
    const bearing = Math.atan2(ball[1] - position[1], ball[0] - position[0]) - nose;
    const off = Math.atan2(Math.sin(bearing), Math.cos(bearing));
    const close = clamp(size(sub(ball, position)) / 600, 0, 1); // near the ball its bearing jumps about
    const behind = clamp((Math.PI - Math.abs(off)) / 0.6, 0, 1); // 0 with the ball right behind, where sides flip
    const lean = clamp(off, -1, 1) * behind * close;
    const heading = [Math.cos(nose + lean), Math.sin(nose + lean), 0];
    const lift = clamp((ball[2] - position[2]) * 0.35, 0, 120) * close;
    const [eye, look] = [along(position, heading, -430), along(position, heading, 350)];
    return { eye: add(eye, [0, 0, 185]), look: add(look, [0, 0, 40 + lift]), fov: 62 };
  }

  /** From the stand: blue on the left, closing in when ball and cars are near each other. */
  sideShot(ball, cars) {
    const spread = Math.max(...cars.map((car) => size(sub(car.position, ball))));
    const focus = blend(ball, times(cars.map((car) => car.position).reduce(add), 1 / cars.length), 0.25);
    const wide = clamp(spread / 4500, 0, 1);
    const eye = [-3600 - 3300 * wide + focus[0] * 0.35, focus[1] * 0.8, 1250 + 1000 * wide];
    return { eye, look: [focus[0] * 0.75, focus[1] * 0.92, 120 + ball[2] * 0.4], fov: 37 };
  }

  topShot(ball) {
    return { eye: [-40, ball[1] * 0.05, 12600], look: [0, ball[1] * 0.05, 0], fov: 39 };
  }

  freeShot() {
    const { target, yaw, pitch, distance } = this.orbit;
    const away = [-Math.cos(yaw) * Math.cos(pitch), Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch)];
    return { eye: along(target, away, distance), look: target, fov: 44 };
  }

  /** Turns the free camera by radians and zooms by a factor; from another view it starts where that camera stands. */
  turnCamera(yaw, pitch, zoom = 1) {
    if (this.view !== "free" && this.camera.eye) {
      const away = sub(this.camera.eye, this.camera.look);
      const [distance, yaw] = [size(away), Math.atan2(away[1], -away[0])];
      this.orbit = { target: this.camera.look, yaw, pitch: Math.asin(away[2] / distance), distance };
      this.view = "free";
    }
    this.orbit.yaw += yaw;
    this.orbit.pitch = clamp(this.orbit.pitch + pitch, 0.02, 1.5);
    this.orbit.distance = clamp(this.orbit.distance * zoom, 500, 16000);
  }

  /** Draws the moment at `frame`; `seconds` runs on after the last frame. True while the camera still moves. */
  draw(ctx, width, height, frame, seconds, passed) {
    const state = this.state(frame);
    const moving = this.camera.glide(this.shot(state), 1 - Math.exp(-passed / EASE_SECONDS[this.view]));
    this.camera.aim(width, height);
    const whole = Math.floor(frame);
    const goal = this.celebration(seconds);
    const heat = [0, 1].map((team) => (goal?.team === team ? Math.exp(-1.5 * goal.age) : 0));
    const pads = this.arrays.pads;
    this.stadium.draw(ctx, this.camera, (i) => pads.data[whole * pads.shape[1] + i], heat);
    this.drawActors(ctx, state, frame, seconds);
    if (goal) drawBurst(ctx, this.camera, this.arrays.ball_position.vector(goal.frame), TEAM[goal.team], goal.age);
    return moving;
  }

  drawActors(ctx, { ball, seams, cars }, frame, seconds) {
    const { camera } = this;
    const owner = this.owner(frame);
    const colour = owner === null ? [200, 215, 235] : TEAM[owner];
    for (const car of cars) car.stretch = clamp(MIN_CAR / (118 * camera.scale(car.position) || 1), 1, 4);
    drawBallMark(ctx, camera, ball);
    for (const car of cars) drawShadow(ctx, camera, car);
    const path = this.trail(this.arrays.ball_position, 1, 0, frame, 1.1, SPEED_LIMIT.ball, ball);
    drawTrail(ctx, camera, path, colour, 110, 0.65);
    const things = cars.map((car) => ({ at: car.position, paint: () => this.paintCar(ctx, car, frame, seconds) }));
    things.push({ at: ball, paint: () => drawBall(ctx, camera, { position: ball, seams, colour }) });
    const depth = ({ at }) => dot(sub(at, camera.eye), camera.forward);
    things.sort((a, b) => depth(b) - depth(a)).forEach((thing) => thing.paint());
    for (const car of cars) if (this.view !== "chase" || car.index !== this.followed) drawTag(ctx, camera, car);
  }

  paintCar(ctx, car, frame, seconds) {
    const behind = dot(car.forward, sub(this.camera.eye, car.position)) < 0;
    if (car.boosting) {
      const { car_position: points } = this.arrays;
      const path = this.trail(points, this.cars, car.index, frame, 0.4, SPEED_LIMIT.car, car.position);
      drawTrail(ctx, this.camera, path, [255, 150, 70], 40 * car.stretch, 0.55);
      if (!behind) drawFlame(ctx, this.camera, car, seconds);
    }
    drawCar(ctx, this.camera, car);
    if (car.boosting && behind) drawFlame(ctx, this.camera, car, seconds);
  }

  /** Where something was in the last `seconds`, newest first, back to its last jump. */
  trail(points, stride, column, frame, seconds, limit, now) {
    const path = [now];
    const last = this.frames - 1;
    const span = Math.min(frame, seconds / this.step);
    for (let back = 0.4; back <= span; back += 0.4) {
      const p = glide(points, stride, column, frame - back, last, limit * this.step * 1.5);
      if (size(sub(p, path[path.length - 1])) > limit * this.step * 1.5) break;
      path.push(p);
    }
    return path;
  }

  /** What the head-up display shows at a frame. */
  readout(frame, seconds) {
    const whole = Math.floor(frame);
    const goal = this.celebration(seconds);
    return {
      score: [this.score(whole, 0), this.score(whole, 1)],
      speed: size(this.arrays.ball_velocity.vector(whole)) * KMH,
      boosts: this.names.map((_, c) => this.arrays.car_boost.data[whole * this.cars + c]),
      goal: goal && { ...goal, text: this.goalText(goal) },
    };
  }

  goalText({ frame, team }) {
    const scorer = this.touches.findLast((touch) => touch.frame <= frame && touch.team === team);
    const speed = Math.round(size(this.arrays.ball_velocity.vector(frame - 1)) * KMH); // before the net stops it
    return `${scorer ? this.names[scorer.car] : ["Blue", "Orange"][team]} scores \u00b7 ${speed} km/h`;
  }
}

/** Three axes of the ball after it rolled by a displacement in uu. */
function rolled(axes, move) {
  const flat = [move[0], move[1], 0];
  const distance = size(flat);
  if (distance < 1e-6) return axes;
  const axle = unit(cross([0, 0, 1], flat));
  return axes.map((axis) => turn(axis, axle, distance / BALL_RADIUS));
}
