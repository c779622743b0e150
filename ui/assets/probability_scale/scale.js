export default function ({ data, parentElement }) {
  const find = (selector) => parentElement.querySelector(selector)
  const percent = (share) => `${(100 * share).toFixed(2)}%`

  const scale = find(".scale")
  scale.setAttribute("aria-label", data.sentence)
  for (const [name, colour] of Object.entries(data.colours)) {
    scale.style.setProperty(`--${name}`, colour)
  }
  for (const part of [find(".pin output"), find(".pin svg")]) part.style.left = percent(data.probability)
  // Near an end the figure leans inwards, so that it is never cut off.
  find(".pin output").textContent = data.text
  find(".pin output").style.transform = `translateX(-${percent(data.probability)})`

  // What each network of an ensemble says, as fine marks under the pin.
  find(".members").replaceChildren(...data.members.map((share) => {
    const mark = document.createElement("i")
    mark.style.left = percent(share)
    return mark
  }))

  find(".bar .out").style.width = percent(data.rule_out)
  find(".bar .between").style.width = percent(data.rule_in - data.rule_out)
  find(".bar .in").style.width = percent(1 - data.rule_in)
  find(".bar .threshold").style.left = percent(data.threshold)

  const label = find(".threshold-label")
  label.textContent = data.threshold_text
  label.style.left = percent(data.threshold)
  label.style.transform = `translateX(-${percent(data.threshold)})`

  find("ul").replaceChildren(...data.zones.map(({ zone, text, here }) => {
    const item = document.createElement("li")
    item.className = here ? `${zone} here` : zone
    item.textContent = text
    return item
  }))
}
