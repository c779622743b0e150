/* Counts and numbers: what a threshold means, and how it is written. No page here. */

const ratio = (part, whole) => (whole > 0 ? part / whole : null);
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const logit = (p) => Math.log(p / (1 - p));
const sigmoid = (z) => 1 / (1 + Math.exp(-z));

/** Decimals that tell neighbouring thresholds apart: three, more towards 0 and 1. */
function decimals(p) {
  const edge = Math.min(p, 1 - p);
  return edge <= 0 || edge >= 0.01 ? 3 : Math.min(8, 1 + Math.ceil(-Math.log10(edge)));
}

/** A count with narrow spaces between its thousands. */
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");

const percent = (share) => (share === null ? "–" : `${(100 * share).toFixed(1)} %`);

/** Puts values in a template's {places}. */
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** How many of each class lie at or above a threshold. */
class Table {
  constructor({ threshold, tp, fp, complete }, positives, negatives) {
    Object.assign(this, { threshold, tp, fp, complete, positives, negatives });
    this.last = threshold.length - 1;
  }

  /** The first row whose threshold is not below t: its counts hold at t. */
  row(t) {
    let [low, high] = [0, this.last];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.threshold[middle] >= t) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The nearest row on one side (1 above, -1 below) that has other counts than this one. */
  neighbour(row, side) {
    let next = row;
    do next += side;
    while (this.tp[next] === this.tp[row] && this.fp[next] === this.fp[row]);
    return clamp(next, 0, this.last);
  }

  /** The threshold nearest to t at which the counts are exact: t itself unless rows were left out. */
  exact(t) {
    if (this.complete) return t;
    const above = this.row(t);
    const below = Math.max(0, above - 1);
    const near = t - this.threshold[below] < this.threshold[above] - t ? below : above;
    return Math.min(1, this.threshold[near]);
  }

  /** The shortest number that has the counts of a row. */
  shortest(row) {
    const high = Math.min(1, this.threshold[row]);
    if (!this.complete || row === 0) return high;
    for (let digits = 2; digits < 12; digits += 1) {
      const short = Number((Math.floor(high * 10 ** digits) / 10 ** digits).toFixed(digits));
      if (short > this.threshold[row - 1] && short <= high) return short;
    }
    return high;
  }

  /** A threshold as it is written: three decimals, or as many more as its counts need. */
  written(t) {
    let digits = decimals(t);
    while (digits < 8 && this.row(Number(t.toFixed(digits))) !== this.row(t)) digits += 1;
    return t.toFixed(digits);
  }

  /** Counts and figures at t; a figure without a denominator is null. */
  at(t) {
    const row = this.row(t);
    const [tp, fp] = [this.tp[row], this.fp[row]];
    const [fn, tn] = [this.positives - tp, this.negatives - fp];
    return {
      tp, fp, fn, tn,
      sensitivity: ratio(tp, tp + fn),
      specificity: ratio(tn, tn + fp),
      ppv: ratio(tp, tp + fp),
      npv: ratio(tn, tn + fn),
      f1: ratio(2 * tp, 2 * tp + fp + fn),
      accuracy: ratio(tp + tn, tp + tn + fp + fn),
    };
  }
}

/** Where a threshold lies on the slider, 0 to 1: even in probability, or even in log-odds. */
class Axis {
  constructor(scale, [low, high]) {
    Object.assign(this, { scale, low, high });
  }

  get ticks() {
    if (this.scale === "even") return [0, 0.2, 0.4, 0.6, 0.8, 1];
    return [0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999, 0.9999].filter(
      (p) => logit(p) > this.low && logit(p) < this.high,
    );
  }

  place(t) {
    if (this.scale === "even") return t;
    return clamp((logit(clamp(t, 1e-12, 1 - 1e-12)) - this.low) / (this.high - this.low), 0, 1);
  }

  threshold(place) {
    if (place <= 0) return 0;
    if (place >= 1) return 1;
    const p = this.scale === "even" ? place : sigmoid(this.low + place * (this.high - this.low));
    return Number(p.toFixed(decimals(p)));
  }
}
