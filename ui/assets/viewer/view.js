/* Which part of the film is on screen. Zoom 1 fits it into its frame; x and y, as shares of the
   film, are what lies in the middle of the frame. So a frame of another size shows the same. */

const CLOSEST = 32; // pixels of the canvas to one of the film, at the least

class View {
  constructor() {
    Object.assign(this, { zoom: 1, x: 0.5, y: 0.5 });
  }

  /** Takes over the film's and the frame's size, the latter in pixels of the canvas. */
  fit(film, width, height) {
    Object.assign(this, { film, width, height });
    this.fitting = Math.min(width / film.width, height / film.height);
    this.bound();
  }

  get scale() {
    return this.fitting * this.zoom;
  }

  get moved() {
    return this.zoom !== 1;
  }

  /** Where the film's corner is; whole pixels, so that at 1:1 pixel lies on pixel. */
  get place() {
    const { scale, film } = this;
    return {
      scale,
      left: Math.round(this.width / 2 - this.x * film.width * scale),
      top: Math.round(this.height / 2 - this.y * film.height * scale),
    };
  }

  /** Zooms; what is at (x, y) of the frame, in pixels of the canvas, stays there. */
  zoomTo(scale, x = this.width / 2, y = this.height / 2) {
    const from = this.scale;
    const { film } = this;
    const dx = (x - this.width / 2) / film.width;
    const dy = (y - this.height / 2) / film.height;
    this.zoom = scale / this.fitting;
    this.bound(false);
    this.x += dx / from - dx / this.scale;
    this.y += dy / from - dy / this.scale;
    this.bound();
  }

  /** Moves the film by pixels of the canvas. */
  move(dx, dy) {
    this.x -= dx / this.scale / this.film.width;
    this.y -= dy / this.scale / this.film.height;
    this.bound();
  }

  /** Keeps the frame full of film, or the film in its middle where it is smaller. */
  bound(place = true) {
    const least = Math.min(1, 1 / this.fitting);
    const most = Math.max(CLOSEST / this.fitting, 4);
    this.zoom = Math.min(Math.max(this.zoom, least), most);
    if (Math.abs(this.zoom - 1) < 0.005) this.zoom = 1;
    if (!place) return;
    const { film, scale } = this;
    const half = [this.width / film.width / scale / 2, this.height / film.height / scale / 2];
    for (const [axis, margin] of [["x", half[0]], ["y", half[1]]]) {
      this[axis] = margin >= 0.5 ? 0.5 : Math.min(Math.max(this[axis], margin), 1 - margin);
    }
  }
}

/** Views of the films that have been looked at, by name: a page that is drawn anew finds them. */
const views = new Map();
