// What is written over a match: score board, clock, ball speed, boost gauges, the banner of a goal.

const $ = (id) => document.getElementById(id);

class Hud {
  constructor(match, meta) {
    Object.assign(this, { match, meta });
    $("hud").hidden = false;
    [0, 1].forEach((team) => {
      const names = match.names.filter((_, c) => match.teams[c] === team);
      $(`team${team}`).textContent = [...new Set(names)].join(" \u00b7 ") || ["Blue", "Orange"][team];
    });
    this.gauges = match.names.map((name, c) => {
      const gauge = $("gauge").content.firstElementChild.cloneNode(true);
      gauge.classList.add(match.teams[c] ? "orange" : "blue");
      gauge.querySelector("span").textContent = name;
      $("gauges").append(gauge);
      return { bar: gauge.querySelector("i"), number: gauge.querySelector("b") };
    });
  }

  update(frame, seconds, over) {
    const { score, speed, boosts, goal } = this.match.readout(frame, seconds);
    score.forEach((points, team) => write($(`score${team}`), points));
    write($("clock"), clock(frame * this.match.step));
    write($("ballspeed"), Math.round(speed));
    boosts.forEach((boost, c) => {
      this.gauges[c].bar.style.width = `${boost}%`;
      write(this.gauges[c].number, Math.round(boost));
    });
    const fade = goal ? clamp(Math.min(goal.age / 0.12, (GOAL_SHOW - goal.age) / 0.6), 0, 1) : 0;
    const final = over && !fade && this.meta.result;
    if (goal) document.body.style.setProperty("--goal", TEAM[goal.team].join(" "));
    $("flash").style.opacity = goal ? 0.8 * Math.exp(-2.2 * goal.age) : 0;
    $("banner").style.opacity = final ? 1 : fade;
    write($("banner").firstElementChild, final ? "Full time" : goal ? "Goal" : "");
    write($("banner").lastElementChild, final ? this.meta.result : goal?.text ?? "");
  }
}

/** Sets a text only when it changed, so that screen readers hear it once. */
function write(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
