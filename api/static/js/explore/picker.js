// The list of metrics, searched as one types: name, sentence, unit, and whether the number is exact.

import { h, say } from "../dom.js";
import { plural } from "../format.js";

/** How near the numbers of a metric are. */
export function nearness({ sources }) {
  if (sources.every(({ exact }) => exact)) return "exact";
  return sources.some(({ exact }) => exact) ? "near, exact on request" : "near";
}

export class Picker {
  constructor(metrics, chosen) {
    this.items = metrics.map((metric) => this.item(metric, chosen));
    this.search = h("input", { type: "search", id: "search", placeholder: "Search: revenue, drivers, ratio \u2026",
      autocomplete: "off", "aria-label": "Search metrics" });
    this.search.addEventListener("input", () => this.filter());
    this.found = h("p", { class: "help", role: "status" });
    this.name = h("b");
    this.root = h("details", { class: "picker", id: "picker" }, h("summary", {}, "Metric: ", this.name), this.search, this.found,
      h("div", { class: "metrics", role: "radiogroup", "aria-label": "Metric" }, ...this.items.map(({ label }) => label)));
    this.root.open = matchMedia("(min-width: 901px)").matches;
    this.filter();
  }

  item(metric, chosen) {
    const box = h("input", { type: "radio", name: "metric", value: metric.name });
    box.addEventListener("change", () => { say(this.name, metric.name); chosen(metric); });
    const facts = [metric.unit, nearness(metric)].join(", ");
    const label = h("label", {}, box, h("span", { class: "name" }, metric.name), h("span", { class: "fact" }, facts),
      h("span", { class: "what" }, metric.sentence));
    const text = [metric.name, metric.name.replaceAll("_", " "), metric.sentence, facts, ...metric.groups, ...metric.dimensions];
    return { label, box, text: text.join(" ").toLowerCase() };
  }

  /** Show the metrics that have every word that was typed. */
  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { label, text } of this.items) {
      label.hidden = !words.every((word) => text.includes(word));
      shown += label.hidden ? 0 : 1;
    }
    say(this.found, shown ? plural(shown, "metric") : "No metric has all these words.");
  }

  get value() {
    return this.items.find(({ box }) => box.checked)?.box.value ?? this.other;
  }

  /** Choose a metric by name; one that is unknown is kept, so that the API says what it thinks of it. */
  set value(name) {
    this.other = name;
    for (const { box, label } of this.items) {
      box.checked = box.value === name;
      if (box.checked && this.root.open) label.parentNode.scrollTop = label.offsetTop - label.parentNode.offsetTop - 40;
    }
    say(this.name, name);
  }
}
