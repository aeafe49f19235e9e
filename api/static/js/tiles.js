// Figures: a label, a number, and what the last full minute added.

import { h, say } from "./dom.js";
import { money } from "./format.js";

export class Tiles {
  /** `specs`: `{label, read(body), note(body), format, tone(value, body)}`; `read` of an amount gives text by currency. */
  constructor(host, specs) {
    this.tiles = specs.map((spec) => {
      const figure = h("dd", { class: "figure" });
      const note = h("dd", { class: "note" });
      host.append(h("div", {}, h("dt", {}, spec.label), figure, note));
      return { spec, figure, note };
    });
  }

  show(body) {
    for (const { spec, figure, note } of this.tiles) {
      const value = spec.read(body);
      if (value !== null && typeof value === "object") this.amounts(figure, value);
      else say(figure, spec.format(value));
      figure.dataset.value = value !== null && typeof value === "object" ? JSON.stringify(value) : value;
      if (spec.path) figure.dataset.path = spec.path;
      const tone = spec.tone?.(value, body);
      figure.classList.toggle("is-warn", tone === "warn");
      figure.classList.toggle("is-bad", tone === "bad");
      say(note, spec.note?.(body) ?? "");
    }
  }

  amounts(figure, value) {
    const texts = Object.entries(value).sort().map(([currency, text]) => money(text, currency));
    figure.classList.add("money");
    figure.dataset.count = texts.length > 3 ? "many" : texts.length;
    if (!texts.length) texts.push("–");
    while (figure.children.length > texts.length) figure.lastChild.remove();
    while (figure.children.length < texts.length) figure.append(h("span"));
    texts.forEach((text, index) => say(figure.children[index], text));
  }
}

/** A tile of `domains.<domain>.<measures>.<measure>`. */
export function tile(label, domain, measures, measure, format, note) {
  const path = `domains.${domain}.${measures}.${measure}`;
  return { label, path, format, note, read: (body) => body.domains[domain][measures][measure] };
}

/** "12 in the last minute": the newest full minute of a measure. */
export const lastMinute = (window, measure, format) => (body) => {
  const values = body.minutes.windows[window][measure];
  return `${format(values[values.length - 2] ?? 0)} in the last minute`;
};
