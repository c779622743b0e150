/* Mouse, touch, wheel and keys on the film. They change the view or the window; the viewer draws. */

const WHEEL = 0.0015; // of the scale's logarithm, for a pixel of the wheel
const STEP = 1.25; // of a press of + or -
const SHARE = 0.1; // of the frame, for a press of an arrow
const SCROLLING = 300; // ms for which a page that is being scrolled goes on under the pointer
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

class Hands {
  constructor(viewer, stage, on) {
    this.viewer = viewer;
    this.stage = stage;
    this.pointers = new Map();
    for (const pane of stage.querySelectorAll(".pane")) {
      on(pane, "pointerdown", (event) => this.down(event, pane));
      on(pane, "pointermove", (event) => this.drag(event, pane));
      on(pane, "pointerup", (event) => this.up(event));
      on(pane, "pointercancel", (event) => this.up(event));
      on(pane, "pointerleave", () => viewer.point(null));
      on(pane, "contextmenu", (event) => event.preventDefault());
      on(pane, "dblclick", (event) => this.twice(event, pane));
      on(pane, "wheel", (event) => this.wheel(event, pane), { passive: false });
    }
    on(window, "wheel", (event) => this.elsewhere(event), { passive: true, capture: true });
    on(stage, "keydown", (event) => this.key(event));
  }

  get busy() {
    return this.pointers.size > 0;
  }

  /** Where an event is in a frame, in pixels of the canvas. */
  at(event, pane) {
    const box = pane.getBoundingClientRect();
    const { ratio } = this.viewer;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  down(event, pane) {
    if (event.button !== 0 && event.button !== 2) return;
    this.stage.focus({ preventScroll: true });
    pane.setPointerCapture(event.pointerId);
    if (event.pointerType === "mouse") event.preventDefault();
    this.pointers.set(event.pointerId, this.at(event, pane));
    this.tunes = event.button === 2 || this.viewer.tuning;
    this.stage.classList.add("moving");
  }

  drag(event, pane) {
    const to = this.at(event, pane);
    this.viewer.point(pane, to);
    const from = this.pointers.get(event.pointerId);
    if (!from) return;
    const { view } = this.viewer;
    const fingers = [...this.pointers.values()];
    this.pointers.set(event.pointerId, to);
    if (fingers.length === 1 && this.tunes) {
      this.viewer.tune((to[0] - from[0]) / view.width, (from[1] - to[1]) / view.height);
    } else if (fingers.length === 1) {
      view.move(to[0] - from[0], to[1] - from[1]);
      this.viewer.moved();
    } else this.pinch(fingers, [...this.pointers.values()]);
  }

  pinch(before, after) {
    const { view } = this.viewer;
    const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const apart = ([a, b]) => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
    const [from, to] = [middle(before), middle(after)];
    view.zoomTo((view.scale * apart(after)) / apart(before), ...from);
    view.move(to[0] - from[0], to[1] - from[1]);
    this.viewer.moved();
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId) || this.busy) return;
    this.stage.classList.remove("moving");
    this.viewer.release();
  }

  /** A double click looks closer at a place, and back. */
  twice(event, pane) {
    const { view } = this.viewer;
    if (view.moved) view.zoomTo(view.fitting);
    else view.zoomTo(Math.max(1, 2.5 * view.fitting), ...this.at(event, pane));
    this.viewer.moved();
  }

  /* A page that is scrolled past the film goes on scrolling; at rest over the film the wheel
     zooms, but for zooming out of the whole film, which again is left to the page. */
  elsewhere(event) {
    if (!event.composedPath().includes(this.stage)) this.scrolled = event.timeStamp;
    else if (event.timeStamp - this.scrolled < SCROLLING) this.scrolled = event.timeStamp;
  }

  wheel(event, pane) {
    if (event.timeStamp - this.scrolled < SCROLLING && !event.ctrlKey) return;
    const { view } = this.viewer;
    const pixels = event.deltaY * [1, 16, 400][event.deltaMode] * (event.ctrlKey ? 6 : 1);
    const before = view.zoom;
    view.zoomTo(view.scale * Math.exp(-WHEEL * pixels), ...this.at(event, pane));
    if (view.zoom === before && !event.ctrlKey && pixels > 0) return;
    event.preventDefault();
    this.viewer.moved();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    const { viewer } = this;
    const { view } = viewer;
    if (event.key in ARROWS) {
      const [across, down] = ARROWS[event.key];
      view.move(across * SHARE * view.width, down * SHARE * view.height);
      viewer.moved();
    } else {
      const action = {
        "+": "in", "=": "in", "-": "out", "_": "out", 0: "fit", 1: "actual",
        i: "invert", m: "model", h: "hide",
      }[event.key.toLowerCase()];
      if (!action) return;
      viewer.act(action);
    }
    event.preventDefault();
  }
}
