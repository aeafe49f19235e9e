// How the pipeline does: rates, freshness, dead letters, shards.

import { Bars } from "./bars.js";
import { Chart, minutesOf } from "./chart.js";
import { byId, h, panel, table } from "./dom.js";
import { count, rate, seconds, share, timeOfDay } from "./format.js";
import { Tiles } from "./tiles.js";

const KEEP = 300;
const REASONS = {
  malformed: "Malformed", unknown_type: "Unknown type", wrong_topic: "Wrong topic", invalid: "Invalid field",
  in_future: "Time in the future", too_old: "Too old", refused: "Refused by ClickHouse",
};

/** The largest of what the shards say; null where none says anything. */
export const worst = (body, field) => {
  const found = body.shards.map((shard) => shard[field]).filter((value) => value !== null && value !== undefined);
  return found.length ? Math.max(...found) : null;
};
const sum = (body, field) => body.shards.reduce((total, shard) => total + (shard[field] ?? 0), 0);
const summed = (body, field) => {
  const totals = {};
  for (const shard of body.shards) {
    for (const [name, value] of Object.entries(shard[field] ?? {})) totals[name] = (totals[name] ?? 0) + value;
  }
  return totals;
};
const total = (values) => Object.values(values).reduce((one, other) => one + other, 0);
const newest = (body, window) => body.minutes.windows[window].events_per_second.at(-2) ?? null;

export class Pipeline {
  constructor() {
    this.glance = new Tiles(byId("glance"), [
      { label: "Rides", read: (body) => newest(body, "rides.active"), format: rate,
        note: () => "events a second without pings, last full minute" },
      { label: "Ticketing", read: (body) => newest(body, "ticketing.dashboard"), format: rate,
        note: () => "events a second, last full minute" },
      { label: "Freshness p95", read: (body) => worst(body, "freshness_p95_seconds"), format: seconds,
        note: () => "record to queryable row", tone: (value) => (value > 10 ? "bad" : value > 3 ? "warn" : "") },
      { label: "Lag", read: (body) => sum(body, "lag"), format: count, note: () => "records not yet taken",
        tone: (value) => (value > 100000 ? "warn" : "") },
      { label: "Watermark", read: (body) => body.lateness_seconds, format: seconds, note: () => "behind the clock" },
      { label: "Dead letters", read: (body) => total(summed(body, "dead_letters")), format: count,
        note: (body) => `${share(total(summed(body, "dead_letters")), total(summed(body, "dead_letters")) + total(summed(body, "rows")))} of events` },
    ]);
    this.rates = new Chart(byId("chart-rates"), { title: "Events", unit: "a second", format: rate });
    this.freshness = new Chart(byId("chart-freshness"), {
      title: "Freshness p95", unit: "since this page was opened", label: timeOfDay, floor: 1, span: 60,
      format: seconds,
    });
    this.dead = new Bars(byId("dead"), {
      title: "Dead letters by reason", unit: "since the workers began", empty: "None: every event was accepted.",
    });
    // It stays, with a reader's focus on it, when the table in it is another one.
    this.shards = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Shards, table" });
    panel(byId("shards"), "Shards", "").body.append(this.shards);
    this.history = { times: [], freshness: [] };
  }

  show(body, minutes) {
    const { times, cut } = minutesOf(body, minutes);
    this.glance.show(body);
    this.rates.show(times, [
      { name: "rides", values: cut(body.minutes.windows["rides.active"].events_per_second) },
      { name: "ticketing", values: cut(body.minutes.windows["ticketing.dashboard"].events_per_second), colour: "--c4" },
    ]);
    this.remember(body);
    const letters = Object.entries(summed(body, "dead_letters")).sort((one, other) => other[1] - one[1]);
    this.dead.show(letters.map(([reason, value]) => ({ name: REASONS[reason] ?? reason, value, colour: "--c3" })));
    this.draw(body);
  }

  remember(body) {
    if (!body.as_of) return;
    const { times, freshness } = this.history;
    const at = Date.parse(body.as_of) / 1000;
    if (times.at(-1) >= at) return;
    times.push(at);
    freshness.push(worst(body, "freshness_p95_seconds"));
    for (const list of [times, freshness]) if (list.length > KEEP) list.shift();
    this.freshness.show([...times], [{ name: "freshness", values: [...freshness] }]);
  }

  draw(body) {
    const rows = body.shards.map((shard) => [`Shard ${shard.shard}`, mark(shard), shard.state || "–",
      seconds(shard.age_seconds), count(shard.lag), seconds(shard.freshness_p95_seconds),
      count(total(shard.rows ?? {})), count(total(shard.dead_letters ?? {})), count(shard.late), owner(shard)]);
    const headings = ["Shard", "Numbers", "State", "Age", "Lag", "Freshness p95", "Rows", "Dead letters", "Late", "Worker"];
    const text = JSON.stringify(body.shards);
    if (text === this.drawn) return;
    // The focus on a worker's address must not be taken away each second.
    if (this.shards.contains(document.activeElement) && document.activeElement !== this.shards) return;
    this.drawn = text;
    this.shards.replaceChildren(table("Shards", headings, rows));
  }
}

function mark(shard) {
  const [name, word] = !shard.stale ? ["live", "live"] : shard.alive ? ["stale", "stale"] : ["gone", "silent"];
  return h("span", { class: "mark", "data-mark": name }, word);
}

function owner(shard) {
  if (!/^https?:\/\//.test(shard.worker ?? "")) return shard.worker || "–";
  return h("a", { href: `${shard.worker}/shards`, rel: "noreferrer" }, shard.worker.replace(/^https?:\/\//, ""));
}
