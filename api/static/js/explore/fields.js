// Fields of a question: each reads itself from the form into words of an address, and back.

import { h } from "../dom.js";

const DAY = /^\d{4}-\d\d-\d\d$/;
const PRESETS = [["", "Seven days and today"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"], ["30d", "Last 30 days"],
  ["90d", "Last 90 days"], ["26w", "Last 26 weeks"], ["52w", "Last 52 weeks"]];
const OWN = "own";
const KEPT = "kept";

/** A field with its name above it. */
export const field = (name, control, more = {}) => h("label", { class: "field", ...more }, h("span", {}, name), control);

/** A box to tick. */
export const tick = (id, text) => h("label", { class: "tick" }, h("input", { type: "checkbox", id }), h("span", {}, text));

/** A choice of `[value, text]` pairs, or of texts. */
export function select(id, options) {
  const box = h("select", { id });
  fill(box, options);
  return box;
}

/** Give a choice other options; what was chosen stays so if it is among them, else the first is. */
export function fill(box, options) {
  const chosen = box.value;
  const pairs = options.map((each) => (Array.isArray(each) ? each : [each, each]));
  box.replaceChildren(...pairs.map(([value, text]) => h("option", { value }, text)));
  if (pairs.some(([value]) => value === chosen)) box.value = chosen;
}

/** Choose a value; one that is not on offer is put there, so that the API says what it thinks of it. */
export function choose(box, value) {
  if (![...box.options].some((option) => option.value === value)) box.append(h("option", { value }, value || "–"));
  box.value = value;
}

/** Set a word of an address, or leave it out where it says nothing. */
export function put(words, name, value) {
  if (value) words.set(name, value);
}

/** A moment without what is long to read. */
const short = (text) => text.slice(0, 16).replace("T", " ");

/** From when to when. */
export class Period {
  constructor() {
    this.box = select("period", [...PRESETS, [OWN, "Days of your own"]]);
    this.from = h("input", { type: "date", id: "from" });
    this.to = h("input", { type: "date", id: "to" });
    this.days = h("div", { class: "days", hidden: true }, field("From", this.from), field("Up to, without", this.to));
    this.box.addEventListener("change", () => this.open());
    this.elements = [field("Period", this.box), this.days];
  }

  open() {
    this.days.hidden = this.box.value !== OWN;
  }

  read(words) {
    const { value } = this.box;
    const [from, to] = { [OWN]: [this.from.value, this.to.value], [KEPT]: this.kept }[value] ?? [value, ""];
    put(words, "from", from);
    put(words, "to", to);
  }

  write(words) {
    const [from, to] = [words.get("from") ?? "", words.get("to") ?? ""];
    const isDays = [from, to].every((text) => !text || DAY.test(text));
    this.box.querySelector(`[value=${KEPT}]`)?.remove();
    if (!to && PRESETS.some(([value]) => value === from)) {
      this.box.value = from;
    } else if (isDays) {
      this.box.value = OWN;
      [this.from.value, this.to.value] = [from, to];
    } else {
      this.kept = [from, to];
      this.box.append(h("option", { value: KEPT }, `${short(from) || "the usual"} – ${short(to) || "now"}`));
      this.box.value = KEPT;
    }
    this.open();
  }
}

/** Where days begin. */
export class Zone {
  constructor() {
    const names = new Set(["UTC", ...Intl.supportedValuesOf("timeZone")]);
    const known = h("datalist", { id: "zones" }, ...[...names].map((name) => h("option", { value: name })));
    this.box = h("input", { id: "zone", list: "zones", autocomplete: "off", spellcheck: "false" });
    this.elements = [field("Time zone", this.box), known];
  }

  /** The zone that holds without an answer. */
  usual(name) {
    this.box.placeholder = `${name} (usual)`;
  }

  read(words) {
    put(words, "zone", this.box.value.trim());
  }

  write(words) {
    this.box.value = words.get("zone") ?? "";
  }
}

/** Several of some names. */
export class Choices {
  constructor(legend, word) {
    this.word = word;
    this.list = h("div", { class: "choices" });
    this.root = h("fieldset", { id: word }, h("legend", {}, legend), this.list);
  }

  /** Offer these names. */
  offer(names) {
    const chosen = new Set(this.chosen());
    this.list.replaceChildren(...names.map((name) => {
      const box = h("input", { type: "checkbox", value: name });
      box.checked = chosen.has(name);
      return h("label", { class: "tick" }, box, h("span", {}, name));
    }));
    this.root.hidden = !names.length;
  }

  chosen() {
    return [...this.list.querySelectorAll("input:checked")].map((box) => box.value);
  }

  read(words) {
    for (const name of this.chosen()) words.append(this.word, name);
  }

  /** Tick what the words say; names that are not on offer are put there, so that the API says what it thinks of them. */
  write(words, names) {
    const wanted = words.getAll(this.word);
    this.offer([...new Set([...names, ...wanted])]);
    for (const box of this.list.querySelectorAll("input")) box.checked = wanted.includes(box.value);
  }
}

/** Values that dimensions must have. */
export class Filters {
  constructor(changed) {
    this.changed = changed;
    this.known = [];
    this.dimension = select("filter-by", []);
    const label = "Value; an asterisk at its end stands for any more";
    this.value = h("input", { id: "filter-value", "aria-label": label, autocomplete: "off" });
    this.dimension.setAttribute("aria-label", "Dimension");
    const add = h("button", { type: "button" }, "Add");
    add.addEventListener("click", () => { if (this.value.value) changed(); });
    this.list = h("ul", { class: "chips" });
    this.root = h("fieldset", { id: "where" }, h("legend", {}, "Only where"), this.list,
      h("div", { class: "row" }, this.dimension, this.value, add));
  }

  offer(names) {
    fill(this.dimension, names);
    this.known = this.known.filter((text) => names.includes(text.split(":")[0]));
    this.root.hidden = !names.length;
    this.draw();
  }

  /** Also takes what stands in the field and was not added yet. */
  read(words) {
    if (this.value.value && this.dimension.value) this.known.push(`${this.dimension.value}:${this.value.value}`);
    this.value.value = "";
    this.known = [...new Set(this.known)];
    this.draw();
    for (const text of this.known) words.append("where", text);
  }

  write(words, names) {
    fill(this.dimension, names);
    this.known = words.getAll("where");
    this.root.hidden = !names.length && !this.known.length;
    this.draw();
  }

  draw() {
    this.list.replaceChildren(...this.known.map((text) => {
      const remove = h("button", { type: "button", "aria-label": `Without ${text}` }, "\u00d7");
      remove.addEventListener("click", () => {
        this.known = this.known.filter((each) => each !== text);
        this.changed();
      });
      return h("li", {}, h("span", {}, text), remove);
    }));
  }
}
