/* The controls around the film: they show the look, and change it. */

const LEVELS = 255;

class Panel {
  constructor(viewer, root, on) {
    this.viewer = viewer;
    this.find = (selector) => root.querySelector(selector);
    this.root = root;
    for (const button of root.querySelectorAll("[data-do]")) {
      on(button, "click", () => viewer.act(button.dataset.do));
    }
    const sets = (selector, change) => {
      const input = this.find(selector);
      on(input, "input", () => viewer.set(change(input)));
      on(input, "change", () => viewer.release());
    };
    const grey = (change) => ({ contrast: { ...viewer.look.contrast, ...change } });
    sets(".opacity", (input) => ({ opacity: input.value / 100 }));
    sets(".level", (input) => ({ level: Number(input.value) }));
    sets("select", (input) => ({ mode: input.value }));
    sets(".brightness", (input) => grey({ centre: rounded(1 - input.value) }));
    sets(".width", (input) => grey({ width: this.widthAt(Number(input.value)) }));
    sets(".equalise", (input) => grey({ equalised: input.checked }));
    for (const radio of root.querySelectorAll("[name=colours]")) {
      on(radio, "change", () => {
        viewer.set({ colours: radio.value });
        viewer.release();
      });
    }
    on(root.querySelector(".more"), "keydown", (event) => {
      if (event.key !== "Escape" || !this.open) return;
      event.stopPropagation();
      this.unfold(false);
      this.find("[data-do=view]").focus();
    });
    on(document, "pointerdown", (event) => {
      if (this.open && !event.composedPath().includes(this.find(".more"))) this.unfold(false);
    });
  }

  get open() {
    return !this.find(".panel").hidden;
  }

  unfold(open = !this.open) {
    this.find(".panel").hidden = !open;
    this.find("[data-do=view]").setAttribute("aria-expanded", String(open));
  }

  /** The slider of the contrast is even in the logarithm of the width, its high end narrow. */
  widthAt(place) {
    const [least, most] = this.data.widths;
    return rounded(most * (least / most) ** place);
  }

  placeOf(width) {
    const [least, most] = this.data.widths;
    return Math.log(width / most) / Math.log(least / most);
  }

  /** Writes every word, for a new payload. */
  show(data) {
    this.data = data;
    const { words } = data;
    for (const node of this.root.querySelectorAll("[data-word]")) {
      node.textContent = words[node.dataset.word];
    }
    for (const node of this.root.querySelectorAll("[data-name]")) {
      node.setAttribute("aria-label", words[node.dataset.name]);
      if (node.localName === "button") node.title = words[node.dataset.hint ?? node.dataset.name];
    }
    this.find("[data-do=full]").hidden = !document.fullscreenEnabled;
    this.find(".presets").replaceChildren(...data.windows.map(({ name, centre, width }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.onclick = () => {
        this.viewer.set({ contrast: { ...this.viewer.look.contrast, centre, width } });
        this.viewer.release();
      };
      return button;
    }));
    for (const radio of this.root.querySelectorAll("[name=colours]")) {
      radio.parentElement.querySelector("i").style.background = gradient(data.colours[radio.value]);
    }
  }

  /** Shows the look on the controls that are not in the user's hand. */
  follow(look, state) {
    const press = (name, on) => this.find(`[data-do=${name}]`).setAttribute("aria-pressed", String(on));
    const put = (selector, value) => {
      const input = this.find(selector);
      if (!input.matches(":active")) input.value = value;
    };
    press("side", look.layout === "side");
    press("invert", look.contrast.inverted);
    press("contrast", state.tuning);
    press("model", state.model);
    put(".opacity", Math.round(100 * look.opacity));
    put(".level", look.level);
    put("select", look.mode);
    put(".brightness", 1 - look.contrast.centre);
    put(".width", this.placeOf(look.contrast.width));
    this.find(".equalise").checked = look.contrast.equalised;
    this.find(`[name=colours][value=${look.colours}]`).checked = true;
    this.find(".opacity").disabled = look.mode === "off";
    this.find(".percent").textContent = `${Math.round(100 * look.opacity)} %`;
    this.find(".heat").dataset.mode = look.mode;
    this.find(".scale").style.setProperty("--colours", gradient(this.data.colours[look.colours]));
    const { centre, width } = look.contrast;
    this.data.windows.forEach((window, i) => {
      const same = Math.abs(window.centre - centre) + Math.abs(window.width - width) < 1e-6;
      this.find(".presets").children[i].setAttribute("aria-pressed", String(same));
    });
  }
}

/** Numbers as short as the eye can tell them apart. */
const rounded = (value) => Math.round(1000 * value) / 1000;

/** A table of colours, as hexadecimal digits, as a gradient of CSS. */
function gradient(hex) {
  const stops = [];
  for (let i = 0; i <= LEVELS; i += LEVELS / 5) stops.push(`#${hex.slice(6 * i, 6 * i + 6)}`);
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
