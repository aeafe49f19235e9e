// The answer about a metric: charts, a table of the same numbers, where they are from, and files.

import { Bars } from "../bars.js";
import { Chart } from "../chart.js";
import { byId, h, say, table, words } from "../dom.js";
import { plural } from "../format.js";
import { ask } from "./api.js";
import { facts, files } from "./facts.js";
import { UNITS, changeOf, momentIn, named, periodOf, tell, tickOf } from "./figures.js";
import { MOST_BARS, MOST_LINES, grouped, linesOf, moments, nameOf, ranked } from "./series.js";

const FLOORS = { count: 4, ratio: 0.05, money: 1, seconds: 1, kilometres: 1, stars: 5, each: 1 };
const DAY = 86400;

export class MetricResult {
  /** `words`: the question; `path`: where it is answered, and where files of it are made; `metric`: as the catalogue says. */
  constructor(words, path, { metric, refuse }) {
    // A period without events counts nothing, and has no ratio, mean or percentile.
    Object.assign(this, { words, path, refuse, absent: metric?.zero_of_nothing ? 0 : null, charts: [] });
  }

  clear() {
    for (const chart of this.charts) chart.remove();
    this.charts = [];
  }

  show(answer) {
    this.answer = answer;
    [this.found] = answer.metrics;
    facts([["Unit", UNITS[this.found.unit]], ["Each value for", answer.granularity]], this.found, answer);
    files(this.path.file, this.asked(), answer, this.refuse);
    this.draw();
  }

  /** The question with times instead of ages, so that pages and files are of the same range. */
  asked() {
    const words = new URLSearchParams(this.words);
    words.set("from", this.answer.from);
    words.set("to", this.answer.to);
    return words;
  }

  draw() {
    this.clear();
    const { rows } = this.found;
    byId("drawn").replaceChildren();
    byId("numbers").replaceChildren();
    if (!rows.length) {
      say(byId("status"), "No event of this period fits: there is nothing to show. Try a longer period or fewer filters.");
      return;
    }
    const of = grouped(rows, (row) => row.key.currency ?? "");
    for (const [currency, own] of [...of].sort()) this.drawOne(currency, own);
    this.tabulate(rows);
  }

  drawOne(currency, rows) {
    const host = h("div", { id: `drawn-${currency.replace(/\W/g, "") || "all"}` });
    byId("drawn").append(host);
    const { unit } = this.found;
    const title = currency ? `${this.found.metric}, ${currency}` : this.found.metric;
    const format = (value) => tell(unit, value, currency);
    const names = ranked(rows).length;
    if (this.answer.granularity === "total") this.bars(host, rows, { title, format, names });
    else this.lines(host, rows, { title, format, names });
  }

  bars(host, rows, { title, format, names }) {
    const bars = new Bars(host, { title, unit: most(names, MOST_BARS), format });
    const size = (row) => Number(row.value ?? 0);
    const largest = [...rows].sort((one, two) => size(two) - size(one)).slice(0, MOST_BARS);
    const of = Math.max(...largest.map(size)) || 1;
    bars.show(largest.map((row) => ({ name: nameOf(row) || "All", value: row.value })), of);
  }

  lines(host, rows, { title, format, names }) {
    const { unit } = this.found;
    const { zone, granularity } = this.answer;
    const isShort = ["5m", "15m", "hour"].includes(granularity);
    const axis = isShort ? { space: 96 } : { incrs: [1, 2, 7, 14, 30, 91, 182, 365].map((days) => days * DAY) };
    const chart = new Chart(host, {
      title, unit: most(names, MOST_LINES), format, axis, zone, label: momentIn(zone, granularity), tick: tickOf(unit),
      floor: FLOORS[unit], table: false, dots: 60, edge: isShort ? 44 : 26,
    });
    this.charts.push(chart);
    const known = this.found.next_cursor ? this.found.rows.at(-1).end : this.answer.to; // further rows are not here yet
    const times = moments(rows, { ...this.answer, to: known });
    chart.show(times, linesOf(rows, times, { absent: this.absent, compared: this.found.compared_with !== null, total: "all" }));
  }

  tabulate(rows) {
    const { unit, by, compared_with: compared } = this.found;
    const isRatio = rows.some((row) => row.denominator !== undefined);
    const headings = ["Period from", ...by.map(words), `Value (${unit === "money" ? "money" : unit})`,
      ...(isRatio ? ["Divided", "By"] : []), ...(compared ? ["Before", "Change"] : [])];
    const line = (row) => {
      const currency = row.key.currency ?? "";
      const value = (each) => tell(unit, each, currency);
      // What is divided may be money or seconds, or the count of a ratio.
      const part = (each) => (unit === "money" ? value(each) : tell("count", each));
      return [periodOf(row.start, this.answer.granularity), ...by.map((name) => words(named(row.key[name]))),
        h("span", { "data-value": String(row.value) }, value(row.value)),
        ...(isRatio ? [part(row.numerator), tell("count", row.denominator)] : []),
        ...(compared ? [before(row, value), changeOf(row.value, row.previous)] : [])];
    };
    const box = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of the numbers" },
      table(`${this.found.metric}: the numbers`, headings, rows.map(line)));
    byId("numbers").replaceChildren(h("section", { class: "panel", "aria-label": "Table" }, box, this.more(rows)));
  }

  /** How many rows there are, and a way to the rest of them. */
  more(rows) {
    const { next_cursor: cursor } = this.found;
    const foot = h("p", { class: "row help" }, `${cursor ? "The first " : ""}${plural(rows.length, "row")}.`);
    if (!cursor) return foot;
    const button = h("button", { type: "button", id: "more" }, "More rows");
    button.addEventListener("click", () => { button.disabled = true; this.next(cursor).catch(this.refuse); });
    foot.append(button);
    return foot;
  }

  async next(cursor) {
    const words = this.asked();
    words.set("cursor", cursor);
    const [path] = this.path.answer.split("?");
    const { metrics: [page] } = await ask(`${path}?${words}`);
    this.found = { ...page, rows: [...this.found.rows, ...page.rows] };
    this.draw();
  }
}

const before = ({ previous }, value) => h("span", { "data-previous": String(previous) }, value(previous));
const most = (names, limit) => (names > limit ? `the ${limit} largest of ${names}; the table has all` : "");
