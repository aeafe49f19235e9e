// Funnels: steps chosen from the event types, bars with counts and rates, a table of the same.

import { Bars } from "../bars.js";
import { byId, h, say, table, words } from "../dom.js";
import { count, seconds } from "../format.js";
import { ask } from "./api.js";
import { facts, json } from "./facts.js";
import { choose, field, fill, put, select, tick } from "./fields.js";
import { named, shareOf } from "./figures.js";
import { Journey, merged, question } from "./journey.js";

const LEAST = 2;
const MOST = 8;
const DRAWN = 6;
const WINDOWS = [["30m", "30 minutes"], ["1h", "an hour"], ["1d", "a day"], ["7d", "7 days"], ["30d", "30 days"]];
const ORDERS = [["ordered", "one after the other"], ["strict", "nothing else between"], ["any", "any order"]];
const USUAL = {
  ticketing: ["event.viewed", "checkout.started", "ticket.purchased"],
  rides: ["booking.created", "booking.confirmed", "trip.completed"],
};

export class FunnelView {
  constructor(catalogue, form, { changed }) {
    this.changed = changed;
    this.journey = new Journey(catalogue);
    this.list = h("ol", { class: "steps" });
    const add = h("button", { type: "button", id: "add-step" }, "Add a step");
    add.addEventListener("click", () => { this.put([...this.steps, this.steps.at(-1)]); changed(); });
    this.add = add;
    this.window = select("window", WINDOWS);
    this.order = select("order", ORDERS);
    this.by = select("by", []);
    form.replaceChildren(h("div", { class: "fields" }, ...this.journey.elements,
      h("fieldset", { id: "steps" }, h("legend", {}, "Steps"), this.list, add),
      field("Within", this.window), field("Order", this.order), field("Break down by", this.by),
      tick("times", "Tell how long people take"), h("button", { type: "submit" }, "Ask")));
    form.addEventListener("change", ({ target }) => {
      if (target === this.journey.domain) this.newDomain();
      if (target === this.journey.of) this.put(this.steps);
      this.offer();
      changed();
    });
  }

  get steps() {
    return [...this.list.querySelectorAll("select")].map((box) => box.value);
  }

  newDomain() {
    this.journey.offer();
    this.put(USUAL[this.journey.domain.value] ?? []);
  }

  /** Show these steps. */
  put(steps) {
    const names = this.journey.events.map(({ name }) => name);
    this.list.replaceChildren(...steps.map((step, place) => {
      const box = select(`step-${place + 1}`, names);
      box.setAttribute("aria-label", `Step ${place + 1}`);
      choose(box, step);
      const remove = h("button", { type: "button", "aria-label": `Without step ${place + 1}` }, "\u00d7");
      remove.disabled = steps.length <= LEAST;
      remove.addEventListener("click", () => { this.put(this.steps.toSpliced(place, 1)); this.offer(); this.changed(); });
      return h("li", {}, box, remove);
    }));
    this.add.disabled = steps.length >= MOST;
  }

  /** Offer the dimensions of the first step: its value is what people are told apart by. */
  offer() {
    fill(this.by, [["", "nothing"], ...this.journey.dimensions(this.steps[0])]);
  }

  read() {
    const words = new URLSearchParams();
    this.journey.read(words);
    for (const step of this.steps) words.append("steps", step);
    for (const name of ["window", "order", "by"]) put(words, name, this[name].value);
    put(words, "times", byId("times").checked && "true");
    this.words = words;
    return words;
  }

  write(words) {
    this.journey.write(words);
    const steps = words.getAll("steps");
    this.put(steps.length ? steps : USUAL[this.journey.domain.value] ?? []);
    this.offer();
    choose(this.window, words.get("window") ?? "7d");
    choose(this.order, words.get("order") ?? "ordered");
    choose(this.by, words.get("by") ?? "");
    byId("times").checked = words.get("times") === "true";
    this.words = merged(this.read(), words);
  }

  head() {
    say(byId("answer-title"), "Funnel");
    say(byId("sentence"), "How many went through the steps, how far they came; each counts once, by the best way they went.");
  }

  ask(signal) {
    return ask("/v1/analytics/funnels", { signal, body: question(this.words, { lists: ["steps"], flags: ["times"] }) });
  }

  show(answer) {
    const path = answer.path === "fast" ? "by one function of the store" : "by each person's events";
    facts([["Told", path]], { ...answer, exact: true }, answer);
    byId("files").replaceChildren(json(answer, "funnel.json"));
    if (!answer.groups.some(({ steps }) => steps[0].people)) {
      say(byId("status"), "Nobody did the first step in this period: there is nothing to show.");
      return;
    }
    this.draw(answer);
    this.tabulate(answer);
  }

  draw(answer) {
    const grid = h("div", { class: "grid funnels" });
    byId("drawn").replaceChildren(grid);
    for (const [place, group] of answer.groups.slice(0, DRAWN).entries()) {
      const host = h("div", { id: `funnel-${place}` });
      grid.append(host);
      const title = answer.by ? `${answer.by}: ${named(group.key[answer.by])}` : "All";
      const bars = new Bars(host, { title, unit: "people, share of the first step" });
      bars.show(group.steps.map(({ step, event, people, of_first }) => ({
        name: `${step}. ${event}`, value: people, share: shareOf(of_first),
      })), Math.max(1, group.steps[0].people));
    }
    if (answer.groups.length <= DRAWN) return;
    byId("drawn").append(h("p", { class: "help" }, `The ${DRAWN} largest are drawn; the table has all.`));
  }

  tabulate(answer) {
    const isTimed = this.words.get("times") === "true";
    const headings = [...(answer.by ? [answer.by] : []), words("Step"), "People", "Of the first step", "Of the step before",
      ...(isTimed ? ["Mean time", "Median", "90th percentile"] : [])];
    const line = (group) => (step) => [...(answer.by ? [named(group.key[answer.by])] : []), words(`${step.step}. ${step.event}`),
      h("span", { "data-people": step.people }, count(step.people)), shareOf(step.of_first), shareOf(step.of_previous),
      ...(isTimed ? ["mean", "p50", "p90"].map((name) => seconds(step.seconds?.[name])) : [])];
    const rows = answer.groups.flatMap((group) => group.steps.map(line(group)));
    const box = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of the numbers" },
      table("Funnel: the numbers", headings, rows));
    const text = "There are more values; ask the API with a larger limit for them.";
    const more = answer.has_more ? h("p", { class: "help" }, text) : null;
    byId("numbers").replaceChildren(h("section", { class: "panel", "aria-label": "Table" }, box, more ?? ""));
  }
}
