/* Pictures that Python packs (`pack` in ui/viewer.py) and sends apart from the viewer. They wait
   here by name: each has a promise, which its carrier keeps, now or in a while. */

const BLACK = 0;
const WHITE = 65535;

/** Grey values of 16 bits, and the same at a half, a quarter and so on of the size. */
class Picture {
  constructor(name, width, height, values) {
    this.name = name;
    this.width = width;
    this.height = height;
    this.values = values;
    this.halves = [this];
  }

  /** The picture at 1 / 2 ** step of its size, each pixel the mean of those it stands for. */
  half(step) {
    for (let i = this.halves.length; i <= step; i += 1) {
      const from = this.halves[i - 1];
      const [width, height] = [(from.width + 1) >> 1, (from.height + 1) >> 1];
      const values = new Uint16Array(width * height);
      for (let y = 0; y < height; y += 1) {
        const upper = 2 * y * from.width;
        const lower = Math.min(2 * y + 1, from.height - 1) * from.width;
        for (let x = 0; x < width; x += 1) {
          const left = 2 * x;
          const right = Math.min(left + 1, from.width - 1);
          const sum = from.values[upper + left] + from.values[upper + right]
            + from.values[lower + left] + from.values[lower + right];
          values[y * width + x] = (sum + 2) >> 2;
        }
      }
      this.halves.push({ width, height, values });
    }
    return this.halves[step];
  }
}

/** Unpacks a picture: a line of JSON, then by zlib the differences from the left neighbour. */
async function unpack(bytes) {
  const end = bytes.indexOf(10);
  const { name, width, height, bits } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const packed = new Blob([bytes.subarray(end + 1)]).stream();
  const unpacked = packed.pipeThrough(new DecompressionStream("deflate"));
  const steps = new Uint8Array(await new Response(unpacked).arrayBuffer());
  const count = width * height;
  const values = new Uint16Array(count);
  for (let row = 0; row < count; row += width) {
    let value = 0;
    for (let i = row; i < row + width; i += 1) {
      if (bits === 8) {
        value = (value + steps[i]) & 255;
        values[i] = value * 257;
      } else {
        value = (value + (steps[i] << 8) + steps[count + i]) & WHITE;
        values[i] = value;
      }
    }
  }
  return new Picture(name, width, height, values);
}

/** Where pictures wait; the scripts of carrier and viewer have it in common. */
const waiting = (globalThis[Symbol.for("pneumolens.pictures")] ??= new Map());

/** What is known of a picture by name: a promise of it, and how many carriers bring it. */
function expected(name) {
  if (!waiting.has(name)) {
    const entry = { carriers: 0 };
    entry.picture = new Promise((keep, fail) => Object.assign(entry, { keep, fail }));
    waiting.set(name, entry);
  }
  return waiting.get(name);
}
