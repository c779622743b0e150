/* Pictures to take away: a chart's SVG with its styles written in, and the same as PNG. */

const PAINT = [
  "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "visibility",
  "font-family", "font-size", "font-weight", "font-variant-numeric",
];
const EDGE = 12; // px of background around the chart
const HEADING = 30; // px above it
const PNG_SCALE = 2;

/** A colour as every program reads it: browsers compute mixed colours as color(srgb r g b). */
const plain = (value) => value.replace(/color\(srgb ([^)]*)\)/g, (_, parts) => {
  const [red, green, blue, , alpha = "1"] = parts.split(" ");
  return `rgba(${[red, green, blue].map((x) => Math.round(255 * x)).join(", ")}, ${alpha})`;
});

/** The styles that an element of the page is drawn with, as one attribute. */
function painted(element) {
  const style = getComputedStyle(element);
  return PAINT.map((name) => `${name}:${plain(style.getPropertyValue(name))}`).join(";");
}

/** A copy of a chart that needs no page: styles written in, on the page's background, with a heading. */
function standalone(svg, page, heading) {
  const { width, height } = svg.getBoundingClientRect();
  const copy = svg.cloneNode(true);
  const drawn = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((element, i) => element.setAttribute("style", painted(drawn[i])));

  const style = getComputedStyle(page);
  const picture = document.createElementNS(SVG, "svg");
  const size = { width: width + 2 * EDGE, height: height + HEADING + EDGE };
  for (const [name, value] of Object.entries(size)) picture.setAttribute(name, value);
  picture.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", svg.getAttribute("aria-label"));
  add(picture, "rect", { ...size, fill: style.getPropertyValue("--st-background-color") });
  const font = { "font-family": style.fontFamily, "font-size": 14, "font-weight": 600 };
  add(picture, "text", { ...font, x: EDGE, y: 21, fill: plain(style.color), text: heading });
  const place = add(picture, "g", { transform: `translate(${EDGE} ${HEADING})` });
  place.append(...copy.childNodes);
  return { text: new XMLSerializer().serializeToString(picture), ...size };
}

/** Hands a picture to the browser's downloads, as "svg" or "png". */
async function download({ text, width, height }, format, name) {
  let file = new Blob([text], { type: "image/svg+xml" });
  if (format === "png") {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const sheet = document.createElement("canvas");
    Object.assign(sheet, { width: width * PNG_SCALE, height: height * PNG_SCALE });
    sheet.getContext("2d").drawImage(image, 0, 0, sheet.width, sheet.height);
    file = await new Promise((done) => { sheet.toBlob(done, "image/png"); });
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `${name}.${format}`;
  link.click();
  URL.revokeObjectURL(link.href);
}
