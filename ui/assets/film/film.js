export default function ({ data, parentElement, setStateValue }) {
  const find = (selector) => parentElement.querySelector(selector)
  const all = (selector) => parentElement.querySelectorAll(selector)
  const place = (element, [top, left, height, width]) => Object.assign(element.style, {
    top: `${100 * top}%`, left: `${100 * left}%`, height: `${100 * height}%`, width: `${100 * width}%`,
  })

  for (const stage of all(".stage")) {
    stage.style.aspectRatio = data.ratio
    stage.style.width = `min(100%, calc(68vh * ${data.ratio}))`
  }
  for (const image of all(".film")) if (image.src !== data.film) image.src = data.film
  const heat = find(".heat")
  if (heat.src !== data.heat) heat.src = data.heat
  place(heat, data.box)
  for (const outline of all(".seen")) {
    place(outline, data.box)
    outline.hidden = data.whole
  }
  all(".film")[0].alt = data.left
  all(".film")[1].alt = data.right
  find(".left").textContent = data.left
  find(".right").textContent = data.right
  find(".weakest").textContent = data.weakest
  find(".strongest").textContent = data.strongest
  find(".key i").style.background = `linear-gradient(to right, ${data.colours})`
  find(".fade label").textContent = data.label

  const slider = find("input")
  const draw = () => {
    heat.style.opacity = slider.value / 100
    find(".fade output").textContent = `${slider.value} %`
  }
  // The thumb is the user's: a rerun must not take it out of a drag.
  if (!slider.matches(":active")) slider.value = data.opacity
  slider.oninput = draw
  slider.onchange = () => setStateValue("opacity", Number(slider.value))
  draw()
}
