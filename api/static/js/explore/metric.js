// Metrics: one of the catalogue, over a period, by its dimensions, as chart and table.

import { h, say, byId } from "../dom.js";
import { ask } from "./api.js";
import { Choices, Filters, Period, Zone, choose, field, put, select, tick } from "./fields.js";
import { nearness, Picker } from "./picker.js";
import { MetricResult } from "./result.js";

const LENGTHS = {
  total: "the whole period", "5m": "5 minutes", "15m": "15 minutes", hour: "an hour", day: "a day", week: "a week",
  month: "a month", quarter: "a quarter", year: "a year",
};
const USUAL = "day";

export class MetricView {
  constructor(catalogue, form, { changed, refuse }) {
    this.catalogue = catalogue;
    this.changed = changed;
    this.refuse = refuse;
    this.metrics = new Map(catalogue.metrics.map((metric) => [metric.name, metric]));
    this.picker = new Picker(catalogue.metrics, () => { this.offer(); changed(); });
    this.period = new Period();
    this.zone = new Zone();
    this.each = select("granularity", catalogue.granularities.map((name) => [name, LENGTHS[name] ?? name]));
    this.by = new Choices("Break down by", "by");
    this.filters = new Filters(changed);
    form.replaceChildren(this.picker.root, h("div", { class: "fields" },
      ...this.period.elements, field("One value for", this.each), ...this.zone.elements, this.by.root, this.filters.root,
      tick("compare", "Compare with the period before"), tick("exact", "Read every event, where an aggregate is only near"),
      h("button", { type: "submit" }, "Ask")));
    form.addEventListener("change", (event) => {
      if (event.target.closest(".picker, #where")) return;
      changed();
    });
  }

  get metric() {
    return this.metrics.get(this.words.get("metric"));
  }

  /** Offer what the chosen metric has. */
  offer() {
    const metric = this.metrics.get(this.picker.value);
    this.by.offer(metric.dimensions);
    this.filters.offer(metric.dimensions);
    if (metric.rolling_days) this.each.value = USUAL;
    this.fit(metric);
  }

  fit(metric) {
    for (const option of this.each.options) option.disabled = Boolean(metric?.rolling_days) && option.value !== USUAL;
    byId("exact").closest("label").hidden = !metric || nearness(metric) !== "near, exact on request";
    this.zone.usual(this.catalogue.domains.find(({ name }) => name === metric?.domain)?.zone ?? "UTC");
  }

  read() {
    const words = new URLSearchParams();
    put(words, "metric", this.picker.value);
    this.period.read(words);
    put(words, "granularity", this.each.value);
    this.zone.read(words);
    this.by.read(words);
    this.filters.read(words);
    put(words, "compare", byId("compare").checked && "previous");
    put(words, "exact", byId("exact").checked && "true");
    this.words = words;
    return words;
  }

  write(given) {
    const words = new URLSearchParams(given);
    words.delete("view");
    if (!words.get("metric")) words.set("metric", this.catalogue.metrics[0].name);
    if (!words.get("granularity")) words.set("granularity", USUAL);
    this.words = words;
    const metric = this.metric;
    this.picker.value = words.get("metric");
    this.period.write(words);
    choose(this.each, words.get("granularity"));
    this.zone.write(words);
    this.by.write(words, metric?.dimensions ?? []);
    this.filters.write(words, metric?.dimensions ?? []);
    byId("compare").checked = words.get("compare") === "previous";
    byId("exact").checked = words.get("exact") === "true";
    this.fit(metric);
  }

  head() {
    say(byId("answer-title"), this.words.get("metric"));
    say(byId("sentence"), this.metric ? `${this.metric.sentence} Formula: ${this.metric.formula}.` : "");
  }

  /** A metric that nobody knows is asked for all the same: the API knows better what was perhaps meant. */
  get path() {
    const [group] = (this.metric ?? this.catalogue.metrics[0]).groups;
    return { answer: `/v1/metrics/${group}?${this.words}`, file: `/v1/export/metrics/${group}` };
  }

  ask(signal) {
    return ask(this.path.answer, { signal });
  }

  clear() {
    this.result?.clear();
  }

  show(answer) {
    this.result = new MetricResult(this.words, this.path, { metric: this.metric, refuse: this.refuse });
    this.result.show(answer);
  }
}
