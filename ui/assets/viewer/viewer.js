/* The viewer itself. Settings come in (ui/viewer.py) and name the pictures, which come on their own
   ways; whatever the hand does is drawn here, and the server hears of the look on release. */

const REST = 250; // ms without a change that count as a release, and before a zoom is spoken
const MOST_PIXELS = 2.5e6; // of a canvas: more is not drawn in time

class Viewer {
  constructor(root) {
    this.root = root;
    this.tuning = this.model = false;
    this.view = new View();
    this.ended = new AbortController();
    const on = (target, event, handler, options) =>
      target.addEventListener(event, handler, { ...options, signal: this.ended.signal });
    this.find = (selector) => root.querySelector(selector);
    this.stage = this.find(".stage");
    this.panes = [...root.querySelectorAll("figure")].map((figure, i) => ({
      figure,
      heat: i === 1,
      frame: figure.querySelector(".pane"),
      painter: new Painter(figure.querySelector("canvas")),
      outline: figure.querySelector(".outline"),
      cross: figure.querySelector(".cross"),
      caption: figure.querySelector("figcaption"),
    }));
    this.panel = new Panel(this, root, on);
    this.hands = new Hands(this, this.stage, on);
    this.sizes = new ResizeObserver(() => this.redraw());
    for (const { frame } of this.panes) this.sizes.observe(frame);
  }

  async show(data) {
    const { pictures } = data;
    const other = pictures.film !== this.data?.pictures.film;
    if (!this.data) this.look = data.look;
    else if (other) this.look = { ...this.look, contrast: data.look.contrast };
    if (other) {
      this.view = views.get(pictures.film) ?? new View();
      views.set(pictures.film, this.view);
      this.find(".viewer").style.setProperty("--ratio", this.proportions(data));
    }
    this.data = data;
    this.sent ??= JSON.stringify(this.said());
    this.panel.show(data);
    this.follow();
    const found = await Promise.all(
      ["film", "map", "seen"].map((name) => expected(pictures[name]).picture),
    );
    if (this.data !== data) return;
    const [film, map, seen] = found;
    if (film !== this.scene?.film) this.tiles = null;
    this.scene = { film, map, seen, box: data.box };
    this.redraw();
  }

  /** The frame's: the film's, but for strips. */
  proportions({ size: [height, width] }) {
    return Math.min(Math.max(width / height, 0.6), 2);
  }

  /** What the server hears. */
  said() {
    return { ...this.look, film: this.data.pictures.film };
  }

  set(change) {
    this.look = { ...this.look, ...change };
    this.follow();
    this.redraw();
  }

  /** Changes the window: by shares of the film's range for a drag over the whole frame. */
  tune(across, upwards) {
    const { centre, width, ...rest } = this.look.contrast;
    const [least, most] = this.data.widths;
    const clamp = (value, low, high) => rounded(Math.min(Math.max(value, low), high));
    this.set({
      contrast: {
        ...rest,
        centre: clamp(centre - (upwards * (rest.inverted ? -1 : 1)), 0, 1),
        width: clamp(width * Math.exp(-2 * across), least, most),
      },
    });
  }

  act(action) {
    const { view } = this;
    const { contrast, layout, mode } = this.look;
    const look = {
      side: () => ({ layout: layout === "side" ? "single" : "side" }),
      invert: () => ({ contrast: { ...contrast, inverted: !contrast.inverted } }),
      reset: () => ({ contrast: { centre: 0.5, width: 1, inverted: false, equalised: false } }),
      hide: () => {
        if (mode !== "off") this.hidden = mode;
        return { mode: mode === "off" ? this.hidden ?? "blend" : "off" };
      },
    }[action];
    if (look) {
      this.set(look());
      this.release();
      return;
    }
    if (!this.scene) return;
    ({
      in: () => view.zoomTo(view.scale * STEP),
      out: () => view.zoomTo(view.scale / STEP),
      fit: () => view.zoomTo(view.fitting),
      actual: () => view.zoomTo(1),
      contrast: () => { this.tuning = !this.tuning; },
      model: () => { this.model = !this.model; },
      view: () => this.panel.unfold(),
      full: () => this.fill(),
    })[action]();
    this.follow();
    this.moved();
  }

  fill() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.find(".viewer").requestFullscreen();
  }

  /** The controls and captions show what there is. */
  follow() {
    const { words } = this.data;
    const side = this.look.layout === "side";
    this.panel.follow(this.look, this);
    this.stage.classList.toggle("side", side);
    this.stage.classList.toggle("tuning", this.tuning);
    this.panes[0].figure.hidden = !side;
    const film = this.model ? words.seen : words.original;
    const dashed = this.data.whole || this.model ? "" : words.dashed;
    const map = this.look.mode === "off" ? film : words.evidence;
    const texts = [[film, dashed], side ? [map] : [map, this.model && map !== film ? film : dashed]]
      .map((parts) => parts.filter(Boolean).join("; "));
    this.panes.forEach(({ caption, painter }, i) => {
      caption.textContent = texts[i];
      painter.canvas.setAttribute("aria-label", texts[i]);
    });
  }

  /** After a change of the view. */
  moved() {
    this.redraw();
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      const spoken = this.data.words.spoken.replace("{zoom}", this.find(".zoom").textContent);
      if (this.spoken !== spoken) this.find("[role=status]").textContent = spoken;
      this.spoken = spoken;
    }, REST);
  }

  redraw() {
    if (this.scene) this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = undefined;
    const { look, scene, view } = this;
    const shown = this.panes.filter(({ figure }) => !figure.hidden);
    const { width, height } = shown[0].frame.getBoundingClientRect();
    if (!width || !height) return;
    this.ratio = Math.min(devicePixelRatio, Math.sqrt(MOST_PIXELS / (width * height)));
    const size = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    view.fit(scene.film, ...size);
    if (look.contrast.equalised) this.tiles ??= new Tiles(scene.film, ...this.data.clahe);
    const drawn = { ...scene, tiles: this.tiles };
    const settings = { ...look, table: this.table(look.colours), contours: this.data.contours };
    const { place } = view;
    for (const { painter, heat, outline } of shown) {
      painter.fit(...size);
      painter.paint(drawn, place, settings, { heat, model: this.model, ratio: this.ratio });
      this.lay(outline, place);
    }
    this.find(".zoom").textContent = `${Math.round(100 * place.scale)} %`;
    this.stage.classList.toggle("zoomed", view.moved);
  }

  /** The dashed line around what the network sees. */
  lay(outline, { scale, left, top }) {
    const [y, x, height, width] = this.scene.box;
    const pixels = (value) => `${value / this.ratio}px`;
    outline.hidden = this.data.whole;
    Object.assign(outline.style, {
      transform: `translate(${pixels(left + x * scale)}, ${pixels(top + y * scale)})`,
      width: pixels(width * scale),
      height: pixels(height * scale),
    });
  }

  /** Marks in the other picture where the pointer is in this one, at (x, y) of the canvas. */
  point(frame, [x, y] = []) {
    for (const pane of this.panes) {
      const marked = frame && frame !== pane.frame;
      pane.cross.style.visibility = marked ? "visible" : "hidden";
      if (marked) pane.cross.style.transform = `translate(${x / this.ratio}px, ${y / this.ratio}px)`;
    }
  }

  table(name) {
    this.tables ??= {};
    return (this.tables[name] ??= Uint8Array.from(this.data.colours[name].match(/../g), (pair) => parseInt(pair, 16)));
  }

  /** The server hears of the look once nothing has changed for a while. */
  release() {
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      const said = JSON.stringify(this.said());
      if (said === this.sent || this.hands.busy) return;
      this.sent = said;
      this.send("look", JSON.parse(said));
    }, REST);
  }

  destroy() {
    this.ended.abort();
    this.sizes.disconnect();
    clearTimeout(this.rest);
    clearTimeout(this.quiet);
    cancelAnimationFrame(this.frame);
  }
}

export default function ({ data, parentElement, setStateValue }) {
  return mount(Viewer, parentElement, (viewer) => {
    viewer.send = setStateValue;
    viewer.show(data);
  });
}
