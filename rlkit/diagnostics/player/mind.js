// The panel beside the stage: what the agent expects, has earned and is likely to do, at the playhead.

class Mind {
  constructor(panel, { reward, value, odds, taken }, owner) {
    Object.assign(this, { reward, value, odds, taken });
    panel.hidden = !(reward || value || odds);
    if (owner) panel.append(this.heading("whose", owner.name, owner.team ? "orange" : "blue"));
    if (value) panel.append(this.heading("value", "value"));
    if (reward) {
      [this.sums, this.reaches] = [reward.soFar(), reward.reaches()];
      panel.append(this.heading("reward", "reward so far"), this.list("terms", reward));
    }
    if (odds) panel.append(this.heading("choice", "next action"), this.list("odds", odds));
  }

  /** A line with a title on the left; its figure on the right is kept under the name. */
  heading(name, title, team = "") {
    const line = $("heading").content.firstElementChild.cloneNode(true);
    line.classList.add(...[name, team].filter(Boolean));
    line.firstElementChild.textContent = title;
    this[`${name}Figure`] = line.lastElementChild;
    return line;
  }

  /** A row per thing of a series: name, bar, figure; the rows are kept under the name. */
  list(name, { names, inks }) {
    const list = document.createElement("ul");
    list.className = name;
    this[`${name}Rows`] = names.map((text, k) => {
      const row = $("row").content.firstElementChild.cloneNode(true);
      row.style.setProperty("--ink", inks[k]);
      row.title = text;
      const [span, bar, figure] = ["span", "i", "b"].map((tag) => row.querySelector(tag));
      span.textContent = text;
      list.append(row);
      return { row, bar, figure, text: span };
    });
    return list;
  }

  update(frame) {
    const f = Math.floor(frame);
    if (this.value) write(this.valueFigure, digits(this.value.at(f, 0)));
    if (this.reward) this.updateTerms(f);
    if (this.odds) this.updateOdds(f);
  }

  /** Bars: what comes at this frame, to the left where it is a penalty; figures: the sum so far. */
  updateTerms(f) {
    const sums = this.sums.row(f);
    write(this.rewardFigure, digits(sums.reduce((a, b) => a + b, 0)));
    this.termsRows.forEach(({ bar, figure }, k) => {
      const share = clamp((this.reward.at(f, k) || 0) / (this.reaches[k] || 1), -1, 1);
      bar.style.width = `${50 * Math.abs(share)}%`;
      bar.style.left = `${50 + 50 * Math.min(share, 0)}%`;
      write(figure, digits(sums[k]));
    });
  }

  updateOdds(f) {
    const { k: chosen, name } = this.taken(f);
    this.oddsRows.forEach(({ row, bar, text, figure }, k) => {
      const share = this.odds.at(f, k);
      bar.style.width = `${100 * (share || 0)}%`;
      row.classList.toggle("taken", k === chosen);
      const shown = this.odds.names[k];
      write(text, k === chosen && shown !== name ? `others: ${name}` : shown);
      write(figure, Number.isFinite(share) ? `${Math.round(100 * share)} %` : "-");
    });
  }
}

/** A number in about four signs; a dash where there is none, as after the last decision. */
function digits(value) {
  if (!Number.isFinite(value)) return "-";
  const text = value.toFixed(clamp(2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.1))), 0, 2));
  return text.replace(/^-(?=0\.?0*$)/, "").replace("-", "\u2212");
}
