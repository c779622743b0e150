/* The control itself. A payload comes in (ui/threshold_control.py); while the user drags, all is
   redrawn from its exact counts, once a frame; the server hears of a threshold on release. */

const FIGURES = ["sensitivity", "specificity", "ppv", "npv", "f1", "accuracy"];
/** F1 is no share of anything, so it is not written as one. */
const figure = (name, value) => (name === "f1" && value !== null ? value.toFixed(3) : percent(value));
const STEPS = {
  ArrowRight: 0.01, ArrowUp: 0.01, PageUp: 0.1, ArrowLeft: -0.01, ArrowDown: -0.01, PageDown: -0.1,
};
const KEYBOARD_REST = 250; // ms without a key that count as a release

class Control {
  constructor(root) {
    this.root = root;
    this.scale = "odds";
    this.find = (selector) => root.querySelector(selector);
    this.slider = this.find(".slider");
    this.typed = this.find(".typed");
    this.histogram = new Histogram(this.find(".histogram"));
    this.roc = new Curve(this.find("[data-curve=roc]"), "roc");
    this.pr = new Curve(this.find("[data-curve=pr]"), "pr");
    this.listen();
  }

  show(data) {
    const { words, start, colours } = data;
    const moved = start.revision !== this.data?.start.revision;
    if (data.drawing !== this.drawing) {
      this.drawing = data.drawing;
      this.scores = JSON.parse(data.drawing);
    }
    this.data = data = { ...data, ...this.scores };
    this.table = new Table(data.table, data.positives, data.negatives);
    for (const [name, colour] of Object.entries(colours)) {
      this.find(".lab").style.setProperty(`--${name}`, colour);
    }
    this.buildFigures();
    this.buildMatrix();
    for (const node of this.root.querySelectorAll("[data-word]")) {
      node.textContent = words[node.dataset.word];
    }
    for (const node of this.root.querySelectorAll("[data-note]")) {
      node.textContent = data.notes[node.dataset.note] ?? "";
    }
    for (const [name, total] of [["pneumonia", data.positives], ["normal", data.negatives]]) {
      this.find(`[data-total=${name}]`).textContent = grouped(total);
    }
    this.find(".matrix").classList.toggle("long", Math.max(data.positives, data.negatives) > 99999);
    this.slider.setAttribute("aria-label", words.slider);
    for (const link of this.root.querySelectorAll("[data-save]")) {
      const chart = words[link.closest("[data-picture]").dataset.picture];
      link.setAttribute("aria-label", fill(words.save, { chart, format: link.textContent }));
    }
    if (moved && !this.dragging) this.t = this.sent = start.threshold;
    this.draw();
  }

  buildFigures() {
    if (this.figures) return;
    this.find("dl").replaceChildren();
    this.figures = FIGURES.map((name) => {
      const item = document.createElement("div");
      item.innerHTML = `<dt data-word="${name}"></dt><dd><span></span><div class="bar"><i></i></div></dd>`;
      this.find("dl").append(item);
      return { name, value: item.querySelector("dd span"), bar: item.querySelector("i") };
    });
  }

  buildMatrix() {
    if (this.cells) return;
    this.cells = [...this.root.querySelectorAll("[data-cell]")].map((place) => {
      const name = place.dataset.cell;
      const opens = this.data.opens.includes(name);
      const cell = document.createElement(opens ? "button" : "div");
      cell.className = name === "fn" || name === "fp" ? "cell wrong" : "cell";
      cell.innerHTML = `<span data-word="${name}"></span><b></b><span class="rate"></span>`;
      if (opens) cell.addEventListener("click", () => this.trigger("cell", { cell: name, threshold: this.t }));
      place.replaceChildren(cell);
      return { name, count: cell.querySelector("b"), rate: cell.querySelector(".rate") };
    });
  }

  /** Lays everything out anew: for a payload, a width, a scale. */
  draw() {
    this.axis = new Axis(this.scale, this.data.histogram.range);
    this.histogram.draw(this.data, this.axis);
    this.roc.draw(this.data, this.table);
    this.pr.draw(this.data, this.table);
    this.render();
    this.describe();
  }

  move(t) {
    this.t = this.table.exact(t);
    this.frame ??= requestAnimationFrame(() => this.render());
  }

  render() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    const { t, table } = this;
    const counts = table.at(t);
    for (const chart of [this.histogram, this.roc, this.pr]) chart.move(t);
    for (const { name, count, rate } of this.cells) {
      count.textContent = grouped(counts[name]);
      rate.textContent = percent(ratio(counts[name], name === "tp" || name === "fn" ? table.positives : table.negatives));
    }
    for (const { name, value, bar } of this.figures) {
      value.textContent = figure(name, counts[name]);
      bar.style.transform = `scaleX(${counts[name] ?? 0})`;
    }
    if (this.root.activeElement !== this.typed) this.typed.value = table.written(t);
    const place = this.axis.place(t);
    if (!this.sliding) this.slider.value = place;
    this.slider.setAttribute("aria-valuetext", fill(this.data.words.value, this.spoken(counts)));
  }

  spoken(counts) {
    const values = { ...counts, threshold: this.table.written(this.t) };
    for (const name of FIGURES) values[name] = figure(name, counts[name]);
    return values;
  }

  /** Names the pictures by their figures, for those who do not see them. */
  describe() {
    const { words } = this.data;
    const values = this.spoken(this.table.at(this.t));
    for (const chart of ["histogram", "roc", "pr"]) {
      this[chart].svg.setAttribute("aria-label", fill(words.aria[chart], values));
    }
    return fill(words.summary, values);
  }

  /** A release: the server is told, and so is a screen reader. */
  commit() {
    clearTimeout(this.rest);
    this.dragging = this.sliding = false;
    this.render();
    if (this.t === this.sent) return;
    this.sent = this.t;
    this.find("[role=status]").textContent = this.describe();
    this.send("threshold", this.t);
  }

  listen() {
    this.ended = new AbortController();
    const on = (target, event, handler) =>
      target.addEventListener(event, handler, { signal: this.ended.signal });

    on(this.slider, "input", () => {
      this.dragging = this.sliding = true;
      this.move(this.axis.threshold(Number(this.slider.value)));
    });
    on(this.slider, "change", () => this.commit());
    on(this.slider, "keydown", (event) => this.key(event));
    on(this.typed, "keydown", (event) => {
      if (event.key === "Enter") this.type(true);
    });
    on(this.typed, "input", () => this.type(false));
    on(this.typed, "blur", () => this.type(true));
    for (const radio of this.root.querySelectorAll("[name=scale]")) {
      on(radio, "change", () => {
        this.scale = radio.value;
        this.draw();
      });
    }
    for (const chart of [this.histogram, this.roc, this.pr]) this.follow(chart, on);
    for (const link of this.root.querySelectorAll("[data-save]")) {
      on(link, "click", () => this.save(link.closest("[data-picture]").dataset.picture, link.dataset.save));
    }
    this.sizes = new ResizeObserver(() => this.data && this.draw());
    this.sizes.observe(this.find(".lab"));
  }

  /** A click or a drag on a picture. */
  follow(chart, on) {
    const { svg } = chart;
    const take = (event) => {
      const box = svg.getBoundingClientRect();
      this.move(chart.pick(event.clientX - box.left, event.clientY - box.top));
    };
    on(svg, "pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      this.slider.focus({ preventScroll: true });
      svg.setPointerCapture(event.pointerId);
      this.dragging = true;
      take(event);
    });
    on(svg, "pointermove", (event) => svg.hasPointerCapture(event.pointerId) && take(event));
    on(svg, "lostpointercapture", () => this.commit());
  }

  /** Downloads a picture as it is now, under its heading. */
  save(name, format) {
    const { words, notes, file } = this.data;
    const chart = { scores: this.histogram, roc: this.roc, pr: this.pr }[name];
    const at = this.table.written(this.t);
    const heading = [words[name], notes[name], `${words.threshold} ${at}`].filter(Boolean).join(", ");
    const picture = standalone(chart.svg, this.find(".lab"), heading);
    download(picture, format, `${file}-${name}-${at}`);
  }

  key(event) {
    const step = STEPS[event.key];
    if (event.key === "Home") this.move(0);
    else if (event.key === "End") this.move(1);
    else if (!step) return;
    else if (event.shiftKey) {
      const row = this.table.neighbour(this.table.row(this.t), Math.sign(step));
      this.move(this.table.shortest(row));
    } else this.move(this.axis.threshold(this.axis.place(this.t) + step));
    event.preventDefault();
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.commit(), KEYBOARD_REST);
  }

  /** Reads a typed threshold: 0.31, 0,31 or 31 %. */
  type(done) {
    const text = this.typed.value.trim().replace(",", ".");
    const t = Number(text.replace(/\s*%$/, "")) / (text.endsWith("%") ? 100 : 1);
    const good = text !== "" && t >= 0 && t <= 1;
    this.typed.setAttribute("aria-invalid", String(!good && !done));
    if (good && this.table.written(this.t) !== text) this.move(t);
    if (!done) return;
    this.typed.value = this.table.written(this.t);
    this.commit();
  }

  destroy() {
    this.ended.abort();
    this.sizes.disconnect();
    clearTimeout(this.rest);
    cancelAnimationFrame(this.frame);
  }
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  return mount(Control, parentElement, (control) => {
    control.send = setStateValue;
    control.trigger = setTriggerValue;
    control.show(data);
  });
}
