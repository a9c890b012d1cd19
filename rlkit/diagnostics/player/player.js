// Puts a replay on the page: decodes it, keeps the playhead, and binds buttons, keys and mouse.

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const TAIL = 2.5; // s that time runs on after the last frame, so that a final goal is celebrated

/** Arrays as sent by replay.py: bits, float32, or int16 steps above a lowest value where -32768 is "not a number". */
function decode({ shape, low, step, bits, exact, data }) {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const count = shape.reduce((a, b) => a * b, 1);
  const values = new Float32Array(count);
  if (bits) for (let i = 0; i < count; i += 1) values[i] = (bytes[i >> 3] >> (7 - (i & 7))) & 1;
  else if (exact) values.set(new Float32Array(bytes.buffer));
  else new Int16Array(bytes.buffer).forEach((v, i) => { values[i] = v === -32768 ? NaN : low + (v + 32767) * step; });
  return { shape, data: values, vector: (i) => [values[3 * i], values[3 * i + 1], values[3 * i + 2]] };
}

class Player {
  speed = 1;
  playing = false;
  time = 0; // s since the first frame

  constructor(replay) {
    this.step = replay.seconds_per_frame;
    this.meta = replay.meta;
    this.scene = replay.kind === "frames" ? new Film(replay) : new Match(replay);
    this.end = (this.scene.frames - 1) * this.step;
    this.tail = this.scene.goals?.length ? TAIL : 0;
    const series = readSeries(replay);
    this.plots = new Plots($("plots"), series);
    this.mind = new Mind($("mind"), series, this.owner(replay.meta.car));
    this.ctx = $("view").getContext("2d");
    this.hud = this.scene.readout ? new Hud(this.scene, this.meta) : null;
    this.bindControls();
    this.bindKeys();
    this.bindMouse();
    new ResizeObserver(() => this.resize()).observe($("stage"));
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.resize());
    if (this.meta.autoplay) this.play(true);
  }

  /** Name and team of the car whose thoughts were recorded; the chase camera begins with it. */
  owner(car) {
    if (car === undefined || !this.scene.names) return null;
    this.scene.followed = car;
    return { name: this.scene.names[car], team: this.scene.teams[car] };
  }

  get frame() {
    return clamp(Math.round((this.time / this.step) * 1e6) / 1e6, 0, this.scene.frames - 1); // 7 * 0.1 / 0.1 is below 7
  }

  bindControls() {
    const { scene } = this;
    $("controls").hidden = false;
    $("scrub").max = scene.frames - 1;
    $("scrub").addEventListener("input", () => this.seek(Number($("scrub").value)));
    for (const kind of ["pointerdown", "pointermove"]) {
      $("plots").addEventListener(kind, (event) => event.buttons && this.seek(this.plots.frameAt(event.offsetX)));
    }
    $("play").addEventListener("click", () => this.play(!this.playing));
    $("start").addEventListener("click", () => this.play(true));
    $("back").addEventListener("click", () => this.nudge(-1));
    $("next").addEventListener("click", () => this.nudge(1));
    $("speed").replaceChildren(...SPEEDS.map((speed) => new Option(`${speed}\u00d7`, speed, false, speed === 1)));
    $("speed").addEventListener("change", () => { this.speed = Number($("speed").value); });
    $("full").hidden = !document.fullscreenEnabled;
    $("full").addEventListener("click", () => this.fullscreen());
    $("views").hidden = !scene.views.length;
    for (const button of $("views").querySelectorAll("button")) {
      button.addEventListener("click", () => this.show(button.dataset.view));
    }
    $("car").replaceChildren(...(scene.names ?? []).map((name, c) => new Option(name, c)));
    $("car").addEventListener("change", () => { scene.followed = Number($("car").value); this.show("chase"); });
    for (const { frame, kind, team } of scene.marks) {
      const mark = document.createElement("i");
      mark.className = `${kind} ${team ? "orange" : "blue"}`;
      mark.style.left = `${(100 * frame) / Math.max(scene.frames - 1, 1)}%`;
      $("marks").append(mark);
    }
  }

  bindKeys() {
    const keys = {
      " ": () => this.play(!this.playing), ArrowLeft: () => this.nudge(-1), ArrowRight: () => this.nudge(1),
      Home: () => this.seek(0), End: () => this.seek(this.scene.frames - 1), f: () => this.fullscreen(),
      "[": () => this.changeSpeed(-1), "]": () => this.changeSpeed(1),
    };
    this.scene.views.forEach((view, i) => { keys[i + 1] = () => this.show(view, true); });
    const turns = { a: [-0.12, 0], d: [0.12, 0], w: [0, 0.08], s: [0, -0.08], "+": [0, 0, 0.9], "-": [0, 0, 1.1] };
    for (const [key, by] of Object.entries(turns)) if (this.scene.turnCamera) keys[key] = () => this.turn(...by);
    document.addEventListener("keydown", (event) => {
      const busy = event.target.matches(event.key === " " ? "button, select" : "select"); // they use this key
      if (busy || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  /** A click on the stage plays or pauses; a drag turns the camera, the wheel zooms the free one. */
  bindMouse() {
    const view = $("view");
    let drag = null;
    view.addEventListener("pointerdown", (event) => {
      drag = { x: event.clientX, y: event.clientY, moved: 0 };
      view.setPointerCapture(event.pointerId);
    });
    view.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      drag = { x: event.clientX, y: event.clientY, moved: drag.moved + Math.abs(dx) + Math.abs(dy) };
      if (drag.moved > 4 && this.scene.turnCamera) this.turn(dx * 0.006, dy * 0.005);
    });
    view.addEventListener("pointerup", () => {
      if (drag && drag.moved <= 4) this.play(!this.playing);
      drag = null;
    });
    view.addEventListener("wheel", (event) => {
      if (this.scene.view !== "free") return; // elsewhere the page scrolls
      event.preventDefault();
      this.turn(0, 0, Math.exp(event.deltaY * 0.001));
    }, { passive: false });
    for (const button of document.querySelectorAll("button")) { // after a mouse click (detail > 0) keys are the page's
      button.addEventListener("click", (event) => event.detail && button.blur());
    }
    for (const list of document.querySelectorAll("select")) list.addEventListener("change", () => list.blur());
  }

  play(on) {
    if (on && this.time >= this.end) this.time = 0;
    this.playing = on && this.scene.frames > 1;
    this.started ||= on;
    this.wake();
  }

  seek(frame) {
    this.time = clamp(frame, 0, this.scene.frames - 1) * this.step;
    this.started = true;
    this.wake();
  }

  nudge(by) {
    this.playing = false;
    this.seek((by > 0 ? Math.floor(this.frame) : Math.ceil(this.frame)) + by);
  }

  changeSpeed(by) {
    this.speed = SPEEDS[clamp(SPEEDS.indexOf(this.speed) + by, 0, SPEEDS.length - 1)];
    $("speed").value = this.speed;
  }

  /** Chooses a camera; asking again for the chase camera goes to the next car. */
  show(view, again = false) {
    const { scene } = this;
    if (again && view === "chase" && scene.view === "chase") scene.followed = (scene.followed + 1) % scene.cars;
    if (view === "free") scene.orbit = { ...Match.ORBIT };
    scene.view = view;
    this.wake();
  }

  turn(yaw, pitch, zoom) {
    this.scene.turnCamera(yaw, pitch, zoom);
    this.wake();
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.().catch(() => { $("full").hidden = true; });
  }

  resize() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const { clientWidth: width, clientHeight: height } = $("stage");
    Object.assign($("view"), { width: Math.max(1, width * ratio), height: Math.max(1, height * ratio) });
    Object.assign(this, { width, height, ratio });
    this.plots.resize($("plots").clientWidth, ratio, getComputedStyle(document.body).color);
    this.wake();
  }

  wake() {
    if (!this.waiting) this.waiting = requestAnimationFrame((now) => this.tick(now));
  }

  /** One picture; asks for the next while something moves. */
  tick(now) {
    const passed = this.last ? Math.min((now - this.last) / 1000, 0.1) : 0;
    this.waiting = 0;
    if (this.playing) this.advance(passed * this.speed);
    this.ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const eased = (passed || 1 / 60) * Math.max(this.speed, 1); // a camera keeps up with fast play
    const moving = this.width > 0 && this.scene.draw(this.ctx, this.width, this.height, this.frame, this.time, eased);
    this.plots.draw(this.frame);
    this.mind.update(this.frame);
    this.hud?.update(this.frame, this.time, this.time >= this.end && this.started);
    this.report();
    this.last = this.playing || moving ? now : 0;
    if (this.last) this.wake();
  }

  advance(seconds) {
    this.time += seconds;
    if (this.time < this.end + this.tail) return;
    if (this.meta.autoplay) this.time = 0;
    else [this.time, this.playing] = [this.end + this.tail, false];
  }

  /** Shows the state of the player in its controls, and to tests in data attributes of the body. */
  report() {
    const [frame, { view = "", frames }] = [this.frame, this.scene];
    Object.assign(document.body.dataset, { frame: Math.floor(frame), frames, view, playing: this.playing });
    $("scrub").value = frame;
    $("scrub").setAttribute("aria-valuetext", `${clock(frame * this.step)} of ${clock(this.end)}`);
    $("count").textContent = `${clock(frame * this.step)} / ${clock(this.end)}`;
    $("play").dataset.playing = this.playing;
    $("play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
    $("start").hidden = Boolean(this.started);
    for (const button of $("views").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button.dataset.view === view);
    }
    $("car").value = this.scene.followed ?? "";
  }
}

const replay = JSON.parse($("replay").textContent);
for (const [name, packed] of Object.entries(replay.arrays)) replay.arrays[name] = decode(packed);
document.body.dataset.frames = replay.frames;
if (replay.frames) new Player(replay);
else $("empty").hidden = false;
