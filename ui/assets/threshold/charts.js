/* The three pictures. draw() lays out what stays, move() shifts what follows the threshold. */

const THUMB = 10; // half the slider's thumb: the histogram is inset by it, so that line and thumb align
const SVG = "http://www.w3.org/2000/svg";

/** Adds an SVG element with its attributes; "text" is its content. */
function add(parent, tag, { text, ...attributes } = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

/** Empties a picture and measures the room inside its margins. */
function canvas(svg, margin) {
  svg.replaceChildren();
  const { width, height } = svg.getBoundingClientRect();
  return {
    w: Math.max(10, width - margin.left - margin.right),
    h: Math.max(10, height - margin.top - margin.bottom),
    plot: add(svg, "g", { transform: `translate(${margin.left} ${margin.top})` }),
  };
}

const path = (points) => points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");

/** Scores of the two classes, pneumonia upwards and normal downwards; errors in full colour. */
class Histogram {
  constructor(svg) {
    this.svg = svg;
  }

  draw({ histogram, marks, words }, axis) {
    const { w, h, plot } = canvas(this.svg, { left: THUMB, right: THUMB, top: 22, bottom: 44 });
    Object.assign(this, { w, axis });
    const bins = histogram[axis.scale];
    const middle = h / 2;
    const step = w / bins.normal.length;
    const unit = (middle - 4) / Math.max(...bins.pneumonia, ...bins.normal, 1e-9);
    const bars = (shares, sign) => shares.map((share, i) => {
      const tall = share > 0 ? sign * Math.max(1.5, share * unit) : 0;
      return `M${(i * step + 0.5).toFixed(2)} ${middle + sign}v${tall}h${(step - 1).toFixed(2)}v${-tall}z`;
    }).join("");

    const clip = (id) => add(add(plot, "clipPath", { id }), "rect", { y: 0, height: h });
    this.left = clip("lab-left");
    this.right = clip("lab-right");
    for (const [name, sign, wrong] of [["pneumonia", -1, "left"], ["normal", 1, "right"]]) {
      const d = bars(bins[name], sign);
      add(plot, "path", { d, class: `${name} right` });
      add(plot, "path", { d, class: name, "clip-path": `url(#lab-${wrong})` });
    }
    add(plot, "path", { d: `M0 ${middle}H${w}`, class: "grid" });

    const corner = (x, y, anchor, text) => add(plot, "text", { x, y, "text-anchor": anchor, text });
    corner(0, -8, "start", words.missed);
    corner(w, -8, "end", words.caught);
    corner(0, h + 16, "start", words.cleared);
    corner(w, h + 16, "end", words.alarmed);
    for (const p of axis.ticks) {
      const x = axis.place(p) * w;
      const anchor = x < 10 ? "start" : x > w - 10 ? "end" : "middle";
      add(plot, "text", { x, y: h + 38, "text-anchor": anchor, text: p });
    }
    for (const mark of marks) {
      const x = axis.place(mark.threshold) * w;
      add(add(plot, "path", { d: `M${x} 0V${h}`, class: "in-use" }), "title", { text: mark.name });
    }
    this.cut = add(plot, "path", { d: `M0 -2V${h + 24}`, class: "cut" });
  }

  move(t) {
    const x = this.axis.place(t) * this.w;
    this.cut.setAttribute("transform", `translate(${x} 0)`);
    this.left.setAttribute("width", x);
    this.right.setAttribute("x", x);
    this.right.setAttribute("width", this.w - x);
  }

  /** The threshold under a point of the picture. */
  pick(x) {
    return this.axis.threshold((x - THUMB) / this.w);
  }
}

/** The ROC or the precision-recall curve with the operating point on it. */
class Curve {
  static margin = { left: 40, right: 14, top: 14, bottom: 42 };

  constructor(svg, name) {
    Object.assign(this, { svg, name });
  }

  draw({ band, marks, words }, table) {
    const { w, h, plot } = canvas(this.svg, Curve.margin);
    Object.assign(this, { h, table });
    for (const p of w < 240 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]) {
      add(plot, "path", { d: `M0 ${h - p * h}H${w}M${p * w} 0V${h}`, class: "grid" });
      add(plot, "text", { x: -8, y: h - p * h + 4, "text-anchor": "end", text: p });
      add(plot, "text", { x: p * w, y: h + 17, "text-anchor": "middle", text: p });
    }
    const [xTitle, yTitle] = words.axes[this.name];
    add(plot, "text", { x: w, y: h + 37, "text-anchor": "end", text: `${xTitle} →` });
    add(plot, "text", { x: 0, y: h + 37, "text-anchor": "start", text: `↑ ${yTitle}` });

    this.points = table.threshold.map((_, i) => this.point(i, w, h));
    if (this.name === "roc") {
      if (band) {
        const edge = (shares) => shares.map((share, i) => [band.fpr[i] * w, h - share * h]);
        add(plot, "path", { d: `M${path([...edge(band.high), ...edge(band.low).reverse()])}Z`, class: "band" });
      }
      add(plot, "path", { d: `M0 ${h}L${w} 0`, class: "chance" });
    } else {
      const prevalence = table.positives / (table.positives + table.negatives);
      add(plot, "path", { d: `M0 ${h - h * prevalence}H${w}`, class: "chance" });
    }
    add(plot, "path", { d: `M${path(this.points.filter(Boolean))}`, class: "line" });
    for (const mark of marks) {
      const point = this.points[table.row(mark.threshold)];
      if (!point) continue;
      const ring = add(plot, "circle", { cx: point[0], cy: point[1], r: 5, class: "mark" });
      add(ring, "title", { text: mark.name });
    }
    this.guide = add(plot, "path", { class: "guide" });
    this.spot = add(plot, "g");
    add(this.spot, "circle", { r: 14, class: "halo" });
    add(this.spot, "circle", { r: 7, class: "point" });
  }

  /** Where row i lies in the picture; null where precision has no denominator. */
  point(i, w, h) {
    const { tp, fp, positives, negatives } = this.table;
    const recall = ratio(tp[i], positives);
    const other = this.name === "roc" ? ratio(fp[i], negatives) : ratio(tp[i], tp[i] + fp[i]);
    if (recall === null || other === null) return null;
    return this.name === "roc" ? [other * w, h - recall * h] : [recall * w, h - other * h];
  }

  move(t) {
    const point = this.points[this.table.row(t)];
    this.spot.style.visibility = this.guide.style.visibility = point ? "" : "hidden";
    if (!point) return;
    this.spot.setAttribute("transform", `translate(${point[0]} ${point[1]})`);
    this.guide.setAttribute("d", `M0 ${point[1]}H${point[0]}V${this.h}`);
  }

  /** The threshold of the curve's point nearest to a point of the picture. */
  pick(x, y) {
    let [best, distance] = [0, Infinity];
    this.points.forEach((point, row) => {
      if (!point) return;
      const d = (point[0] + Curve.margin.left - x) ** 2 + (point[1] + Curve.margin.top - y) ** 2;
      if (d < distance) [best, distance] = [row, d];
    });
    return this.table.shortest(best);
  }
}
