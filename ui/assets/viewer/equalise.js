/* Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994), step by
   step as OpenCV does it, so that a picture taken away looks as on screen. One table of greys a
   tile is made for a film; a pixel mixes those of the four tiles around it when it is drawn. */
class Tiles {
  constructor(film, clip, tiles) {
    const even = film.width % tiles === 0 && film.height % tiles === 0;
    this.across = tiles;
    // Where the grid does not fit, the film is continued by its mirror image.
    this.width = (film.width + (even ? 0 : tiles - (film.width % tiles))) / tiles;
    this.height = (film.height + (even ? 0 : tiles - (film.height % tiles))) / tiles;
    this.tables = new Float32Array(tiles * tiles * 256);
    const limit = Math.max(Math.floor((clip * this.width * this.height) / 256), 1);
    const counts = new Int32Array(256);
    for (let tile = 0; tile < tiles * tiles; tile += 1) {
      counts.fill(0);
      this.count(film, tile, counts);
      limited(counts, limit);
      let sum = 0;
      for (let grey = 0; grey < 256; grey += 1) {
        sum += counts[grey];
        this.tables[tile * 256 + grey] = Math.round((sum * 255) / (this.width * this.height));
      }
    }
  }

  count(film, tile, counts) {
    const left = (tile % this.across) * this.width;
    const top = Math.floor(tile / this.across) * this.height;
    for (let y = top; y < top + this.height; y += 1) {
      const row = mirrored(y, film.height) * film.width;
      for (let x = left; x < left + this.width; x += 1) {
        counts[Math.round(film.values[row + mirrored(x, film.width)] / 257)] += 1;
      }
    }
  }

  /** Equalises a line of greys, 0 to 255, drawn `down` pixels of the film below its top; between
      which tiles each of its pixels lies is in `along`. */
  apply(line, along, first, last, down) {
    const at = (down - 0.5) / this.height - 0.5;
    const row = Math.floor(at);
    const below = at - row;
    const upper = Math.min(Math.max(row, 0), this.across - 1) * this.across * 256;
    const lower = Math.min(Math.max(row + 1, 0), this.across - 1) * this.across * 256;
    const { tables } = this;
    const { low, high, share } = along;
    for (let i = first; i < last; i += 1) {
      const grey = (line[i] + 0.5) | 0;
      const west = low[i] * 256 + grey;
      const east = high[i] * 256 + grey;
      const a = tables[upper + west] + (tables[upper + east] - tables[upper + west]) * share[i];
      const b = tables[lower + west] + (tables[lower + east] - tables[lower + west]) * share[i];
      line[i] = a + (b - a) * below;
    }
  }
}

const mirrored = (i, size) => (i < size ? i : Math.max(2 * size - 2 - i, 0));

/** Cuts counts off at a limit and spreads what was cut off over all greys. */
function limited(counts, limit) {
  let over = 0;
  for (let grey = 0; grey < 256; grey += 1) {
    over += Math.max(counts[grey] - limit, 0);
    counts[grey] = Math.min(counts[grey], limit);
  }
  const share = Math.floor(over / 256);
  let rest = over - share * 256;
  for (let grey = 0; grey < 256; grey += 1) counts[grey] += share;
  const step = rest ? Math.max(Math.floor(256 / rest), 1) : 1;
  for (let grey = 0; grey < 256 && rest > 0; grey += step, rest -= 1) counts[grey] += 1;
}
