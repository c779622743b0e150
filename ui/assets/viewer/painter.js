/* Draws a film, and the map over it, into a canvas: each pixel of the canvas anew, and no others.
   The rules are those of `display.draw` in Python. */

const DIM = 0.25; // what the network did not see, while its view is shown
const LINE = 0.9; // half a contour's width, in CSS pixels; its dark edge is twice as far out
const EDGE_SHADE = 0.6;
const PER_LEVEL = 1 / 65535;
const OPAQUE = 0xff000000;

/** For each pixel of a line, the two places between which it lies, and how near the second is. */
class Between {
  constructor(length) {
    this.low = new Int32Array(length);
    this.high = new Int32Array(length);
    this.share = new Float32Array(length);
  }

  /** Pixel i of the line lies at start + i * step of a row of `size` values. */
  set(first, last, start, step, size) {
    for (let i = first; i < last; i += 1) {
      const at = start + i * step;
      const low = Math.floor(at);
      this.low[i] = Math.min(Math.max(low, 0), size - 1);
      this.high[i] = Math.min(Math.max(low + 1, 0), size - 1);
      this.share[i] = at - low;
    }
  }
}

class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  }

  /** Fits the canvas to its place on the screen. */
  fit(width, height) {
    const { canvas } = this;
    if (this.image?.width === width && this.image.height === height) return;
    Object.assign(canvas, { width, height });
    this.image = this.context.createImageData(width, height);
    this.out = new Uint32Array(this.image.data.buffer);
    this.line = new Float32Array(width);
    this.film = new Between(width);
    this.map = new Between(width);
    this.tile = new Between(width);
  }

  /**
   * @param scene The pictures `film`, `map` and `seen`; `box`, [top, left, height, width] of what
   *   the network sees in pixels of the film; `tiles` that equalise, or null.
   * @param place `scale`, pixels of the canvas to one of the film; `left` and `top`, whole numbers:
   *   where the film's corner is.
   * @param look As in Python; `table` holds its colours as (r, g, b) of 0 to 255 in turn.
   * @param shows Whether the `heat` is drawn, and the `model`'s view instead of the film;
   *   `ratio`, pixels of the canvas to one of CSS.
   */
  paint(scene, place, look, shows) {
    const { width, height } = this.image;
    const { film, map, box } = scene;
    const { scale, left, top } = place;
    this.scene = scene;
    // From 1:1 on the film's own pixels with hard edges; below that between pixels of the half,
    // quarter, ... that is just larger than what is drawn.
    const step = scale >= 1 ? 0 : Math.floor(-Math.log2(scale));
    const from = film.half(step);
    const size = 2 ** step;
    const first = Math.min(Math.max(left, 0), width);
    const last = Math.max(first, Math.min(width, Math.ceil(left + film.width * scale - 0.5)));
    this.film.set(first, last, (0.5 - left) / scale / size - 0.5, 1 / scale / size, from.width);
    const across = map.width / box[3];
    this.map.set(first, last, ((0.5 - left) / scale - box[1]) * across - 0.5, across / scale, map.width);
    if (look.contrast.equalised) {
      const { width: wide, across: tiles } = scene.tiles;
      const start = ((0.5 - left) / scale - 0.5) / wide - 0.5;
      this.tile.set(first, last, start, 1 / scale / wide, tiles);
    }
    const boxed = (edge, start) => Math.min(Math.max(Math.ceil(start + edge * scale - 0.5), first), last);
    this.span = [first, last, boxed(box[1], left), boxed(box[1] + box[3], left)];

    for (let y = 0; y < height; y += 1) {
      const down = (y + 0.5 - top) / scale; // in pixels of the film
      const row = y * width;
      if (down < 0 || down >= film.height) {
        this.out.fill(OPAQUE, row, row + width);
        continue;
      }
      this.out.fill(OPAQUE, row, row + first);
      this.out.fill(OPAQUE, row + last, row + width);
      if (scale >= 1) this.sharp(from, Math.floor(down));
      else this.smooth(from, down / size - 0.5);
      if (look.contrast.equalised) scene.tiles.apply(this.line, this.tile, first, last, down);
      this.tone(look.contrast);
      if (shows.model) this.asSeen(place, down);
      const inside = down >= box[0] && down < box[0] + box[2];
      if (shows.heat && inside && look.mode !== "off") this.heated(row, down, place, look, shows.ratio);
      else this.plain(row, first, last);
    }
    this.context.putImageData(this.image, 0, 0);
  }

  sharp({ values, width }, y) {
    const [first, last] = this.span;
    const { low, high, share } = this.film;
    for (let i = first; i < last; i += 1) {
      this.line[i] = values[y * width + (share[i] < 0.5 ? low[i] : high[i])] / 257;
    }
  }

  smooth({ values, width, height }, at) {
    const [first, last] = this.span;
    const { low, high, share } = this.film;
    const y = Math.floor(at);
    const upper = Math.min(Math.max(y, 0), height - 1) * width;
    const lower = Math.min(Math.max(y + 1, 0), height - 1) * width;
    const below = at - y;
    for (let i = first; i < last; i += 1) {
      const a = values[upper + low[i]] + (values[upper + high[i]] - values[upper + low[i]]) * share[i];
      const b = values[lower + low[i]] + (values[lower + high[i]] - values[lower + low[i]]) * share[i];
      this.line[i] = (a + (b - a) * below) / 257;
    }
  }

  /** The window, and black for white where it is inverted; the line holds greys of 0 to 255. */
  tone({ centre, width, inverted }) {
    const [first, last] = this.span;
    const gain = (inverted ? -1 : 1) / width;
    const bias = 127.5 - 255 * centre * gain;
    if (gain === 1 && bias === 0) return;
    for (let i = first; i < last; i += 1) {
      this.line[i] = Math.min(Math.max(this.line[i] * gain + bias, 0), 255);
    }
  }

  /** What the network saw in the place of what is on the line, whose rest is dimmed. */
  asSeen({ scale, left }, down) {
    const { seen, box } = this.scene;
    const [first, last, start, end] = this.span;
    const inside = down >= box[0] && down < box[0] + box[2];
    const y = Math.min(Math.floor(((down - box[0]) / box[2]) * seen.height), seen.height - 1);
    for (let i = first; i < last; i += 1) {
      if (!inside || i < start || i >= end) {
        this.line[i] *= DIM;
        continue;
      }
      const along = ((i + 0.5 - left) / scale - box[1]) / box[3];
      const x = Math.min(Math.max(Math.floor(along * seen.width), 0), seen.width - 1);
      this.line[i] = seen.values[y * seen.width + x] / 257;
    }
  }

  plain(row, first, last) {
    const { line, out } = this;
    for (let i = first; i < last; i += 1) {
      const grey = (line[i] + 0.5) | 0;
      out[row + i] = OPAQUE | (grey << 16) | (grey << 8) | grey;
    }
  }

  /** The map over the line; the three ways to lay it there are those of `display.draw`. */
  heated(row, down, place, look, ratio) {
    const { map, box } = this.scene;
    const [first, last, start, end] = this.span;
    this.plain(row, first, start);
    this.plain(row, end, last);
    const at = ((down - box[0]) / box[2]) * map.height - 0.5;
    const y = Math.floor(at);
    const line = {
      row,
      upper: Math.min(Math.max(y, 0), map.height - 1) * map.width,
      lower: Math.min(Math.max(y + 1, 0), map.height - 1) * map.width,
      below: at - y,
      across: map.width / box[3] / place.scale,
      downwards: map.height / box[2] / place.scale,
    };
    if (look.mode === "contour") this.contours(line, look, ratio);
    else this.coloured(line, look);
  }

  coloured({ row, upper, lower, below }, { table, mode, opacity, level }) {
    const { line, out } = this;
    const { values } = this.scene.map;
    const { low, high, share } = this.map;
    const [, , start, end] = this.span;
    const blended = mode === "blend";
    const least = Math.max(level, 1e-9);
    for (let i = start; i < end; i += 1) {
      const l = low[i];
      const h = high[i];
      const s = share[i];
      const a = values[upper + l] + (values[upper + h] - values[upper + l]) * s;
      const b = values[lower + l] + (values[lower + h] - values[lower + l]) * s;
      const heat = (a + (b - a) * below) * PER_LEVEL;
      const alpha = blended ? heat * opacity : heat >= least ? opacity : 0;
      const at = 3 * ((heat * 255 + 0.5) | 0);
      const grey = line[i] * (1 - alpha) + 0.5;
      out[row + i] = OPAQUE | ((grey + table[at + 2] * alpha) << 16)
        | ((grey + table[at + 1] * alpha) << 8) | (grey + table[at] * alpha);
    }
  }

  /** A pixel is on a contour if the map, going on at its slope here, gets there nearby. */
  contours({ row, upper, lower, below, across, downwards }, { table, opacity, contours }, ratio) {
    const { line, out } = this;
    const { values } = this.scene.map;
    const { low, high, share } = this.map;
    const [, , start, end] = this.span;
    const wide = LINE * ratio;
    for (let i = start; i < end; i += 1) {
      const a = values[upper + low[i]] * PER_LEVEL;
      const c = values[lower + low[i]] * PER_LEVEL;
      const top = values[upper + high[i]] * PER_LEVEL - a;
      const bottom = values[lower + high[i]] * PER_LEVEL - c;
      const heat = a + top * share[i] + (c - a + (bottom - top) * share[i]) * below;
      const east = (top + (bottom - top) * below) * across;
      const south = (c - a + (bottom - top) * share[i]) * downwards;
      const reach = wide * Math.sqrt(east * east + south * south) + 1e-9;
      let alpha = 0;
      let at = 0;
      let grey = line[i];
      for (let n = 0; n < contours.length; n += 1) {
        const away = Math.abs(heat - contours[n]);
        if (away <= reach) {
          alpha = opacity;
          at = 3 * ((contours[n] * 255 + 0.5) | 0);
        } else if (away <= 2 * reach) grey *= 1 - EDGE_SHADE * opacity;
      }
      grey = grey * (1 - alpha) + 0.5;
      out[row + i] = OPAQUE | ((grey + table[at + 2] * alpha) << 16)
        | ((grey + table[at + 1] * alpha) << 8) | (grey + table[at] * alpha);
    }
  }
}
