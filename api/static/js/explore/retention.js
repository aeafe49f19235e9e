// Retention: who came back, as a triangle of shares with shades and numbers.

import { byId, h, say } from "../dom.js";
import { count } from "../format.js";
import { ask } from "./api.js";
import { facts, json } from "./facts.js";
import { choose, field, fill, put, select, tick } from "./fields.js";
import { named, periodOf, shareOf } from "./figures.js";
import { Journey, merged, question } from "./journey.js";

const USUAL = { ticketing: "page.viewed", rides: "trip.started" };
const LENGTHS = [["day", "days"], ["week", "weeks"], ["month", "months"]];
const KINDS = [["first", "their first start of all"], ["recurring", "each period with a start"]];
const KEY = "The stronger the shade, the larger the share. In italics, with an ellipsis: a period that is not over; its number " +
  "may grow.";
const SHADES = [0.05, 0.2, 0.4, 0.6];

/** Shade of a share, 0 to 4. */
const shade = (share) => SHADES.filter((least) => share >= least).length;

export class RetentionView {
  constructor(catalogue, form, { changed }) {
    this.journey = new Journey(catalogue);
    this.start = select("start", []);
    this.back = select("back", []);
    this.granularity = select("granularity", LENGTHS);
    this.periods = h("input", { id: "periods", type: "number", min: 1, max: 60 });
    this.kind = select("kind", KINDS);
    this.by = select("by", []);
    form.replaceChildren(h("div", { class: "fields" }, ...this.journey.elements,
      field("They begin with", this.start), field("They come back with", this.back), field("In", this.granularity),
      field("Periods after the start", this.periods), field("People belong to", this.kind), field("Break down by", this.by),
      tick("rolling", "Count who came back later, too"), h("button", { type: "submit" }, "Ask")));
    form.addEventListener("change", ({ target }) => {
      if (target === this.journey.domain) {
        this.journey.offer();
        this.offer();
        this.start.value = USUAL[this.journey.domain.value];
      }
      this.offer();
      changed();
    });
  }

  offer() {
    const names = this.journey.events.map(({ name }) => name);
    fill(this.start, names);
    fill(this.back, [["", "the same"], ...names]);
    fill(this.by, [["", "nothing"], ...this.journey.dimensions(this.start.value)]);
  }

  read() {
    const words = new URLSearchParams();
    this.journey.read(words);
    for (const name of ["start", "back", "granularity", "periods", "kind", "by"]) put(words, name, this[name].value);
    put(words, "rolling", byId("rolling").checked && "true");
    this.words = words;
    return words;
  }

  write(words) {
    this.journey.write(words);
    this.offer();
    choose(this.start, words.get("start") ?? USUAL[this.journey.domain.value] ?? "");
    choose(this.back, words.get("back") ?? "");
    choose(this.granularity, words.get("granularity") ?? "day");
    this.periods.value = words.get("periods") ?? 7;
    choose(this.kind, words.get("kind") ?? "first");
    fill(this.by, [["", "nothing"], ...this.journey.dimensions(this.start.value)]);
    choose(this.by, words.get("by") ?? "");
    byId("rolling").checked = words.get("rolling") === "true";
    this.words = merged(this.read(), words);
  }

  head() {
    say(byId("answer-title"), "Retention");
    say(byId("sentence"), "Of those who began in one period, how many came back so many periods later.");
  }

  ask(signal) {
    const body = question(this.words, { numbers: ["periods"], flags: ["rolling"] });
    return ask("/v1/analytics/retention", { signal, body });
  }

  show(answer) {
    facts([["Each period is", `a ${answer.granularity}`]], { ...answer, exact: true }, answer);
    byId("files").replaceChildren(json(answer, "retention.json"));
    if (!answer.cohorts.length) {
      say(byId("status"), "Nobody began in this period: there is nothing to show.");
      return;
    }
    byId("drawn").replaceChildren(h("section", { class: "panel", "aria-label": "Triangle" },
      h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of the numbers" }, this.triangle(answer)),
      h("p", { class: "help" }, KEY),
      answer.has_more ? h("p", { class: "help" }, "There are more cohorts; ask for a shorter time.") : ""));
  }

  triangle(answer) {
    const most = Math.max(...answer.cohorts.map(({ periods }) => periods.length));
    const numbers = Array.from({ length: most }, (_, place) => `${place}`);
    const head = ["Began", ...(answer.by ? [answer.by] : []), "People", ...numbers];
    const heading = (text) => h("th", { scope: "col" }, text);
    const cell = ({ share, people, complete }) =>
      h("td", { "data-heat": shade(share), "data-people": people, class: complete ? null : "open" },
        h("b", {}, shareOf(share) + (complete ? "" : "\u2026")), h("small", {}, count(people)));
    const line = (cohort) => h("tr", {}, h("th", { scope: "row" }, periodOf(cohort.start, "day")),
      answer.by ? h("td", { class: "words" }, named(cohort.key[answer.by])) : "",
      h("td", {}, count(cohort.people)), ...cohort.periods.filter(isBegun(answer)).map(cell));
    const caption = "Retention: share and number of people by period after the start";
    return h("table", { class: "triangle" }, h("caption", { class: "quiet" }, caption),
      h("thead", {}, h("tr", {}, ...head.map(heading))), h("tbody", {}, ...answer.cohorts.map(line)));
  }
}

/** Whether a period has begun by what was delivered; later ones have no number yet. */
const isBegun = ({ as_of: at }) => ({ start }) => !at || Date.parse(start) <= Date.parse(at);
