/* Draws nothing: names the card, keeps the keyboard in it from step to step, and brings what a step
   speaks of into view, also if it comes late or moves while the page is being drawn. */
const HANDS = ["wheel", "touchmove", "pointerdown", "keydown"];
let step; // The label of the one that was begun last.
let free; // Whether the visitor has moved on by herself since then.

export default function ({ data, parentElement }) {
  const root = parentElement.getRootNode();
  const card = (root.host ?? parentElement).closest(".st-key-tour");
  if (!card) return;
  card.setAttribute("role", "region");
  card.setAttribute("aria-label", data.label);

  if (step !== data.label) {
    step = data.label;
    free = false;
    card.querySelector(".st-key-tour_next button")?.focus({ preventScroll: true });
  }
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  const show = () => {
    if (!free) document.querySelector(data.mark)?.scrollIntoView({ block: "nearest", behavior });
  };
  const drawn = new ResizeObserver(show);
  const letGo = () => { free = true; };
  const leave = (event) => {
    if (event.key === "Escape") card.querySelector(".st-key-tour_end button")?.click();
  };
  drawn.observe(document.querySelector(".st-key-body"));
  for (const hand of HANDS) addEventListener(hand, letGo, { passive: true });
  card.addEventListener("keydown", leave);
  show();
  return () => {
    drawn.disconnect();
    for (const hand of HANDS) removeEventListener(hand, letGo);
    card.removeEventListener("keydown", leave);
  };
}
