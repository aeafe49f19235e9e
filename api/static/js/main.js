// The page: takes each answer of the stream to the sections, and says how current what it shows is.

import { byId, say } from "./dom.js";
import { money, plural, seconds, timeOfDay } from "./format.js";
import { Pipeline } from "./pipeline.js";
import { Rides } from "./rides.js";
import { Stream } from "./stream.js";
import { Ticketing } from "./ticketing.js";

const SUMMARY = 30000;
const TEXTS = { connecting: "Connecting", live: "Live", partial: "Partly live", stalled: "Stalled", away: "No numbers", paused: "Paused" };

class Page {
  constructor() {
    this.sections = [new Pipeline(), new Rides(), new Ticketing()];
    this.minutes = 60;
    this.paused = false;
    this.body = null;
    this.connection = "connecting";
    this.detail = {};
    this.summarised = 0;
    byId("pause").addEventListener("click", () => this.pause(!this.paused));
    for (const choice of document.querySelectorAll("input[name=range]")) {
      choice.addEventListener("change", () => { this.minutes = Number(choice.value); this.draw(); });
      if (choice.checked) this.minutes = Number(choice.value);
    }
    this.stream = new Stream("/v1/live/stream?topic=dashboard", {
      data: (body) => { this.newest = body; if (!this.paused) this.take(body); },
      state: (state, detail = {}) => { this.connection = state; this.detail = detail; this.tell(); },
    });
  }

  take(body) {
    this.body = body;
    this.draw();
    this.tell();
    this.summarise();
  }

  draw() {
    if (!this.body) return;
    for (const section of this.sections) section.show(this.body, this.minutes);
    const as_of = byId("as-of");
    say(as_of, this.body.as_of ? timeOfDay(this.body.as_of) : "--:--:--");
    if (this.body.as_of) as_of.dateTime = this.body.as_of;
  }

  pause(wanted) {
    this.paused = wanted;
    const button = byId("pause");
    button.classList.toggle("is-on", wanted);
    say(button, wanted ? "Resume" : "Pause");
    if (!wanted && this.newest) this.take(this.newest);
    this.tell();
  }

  /** The state of what is shown, in one word and, where it matters, a sentence. */
  tell() {
    let state = this.connection;
    if (state === "live" && this.body && !this.body.complete) state = "partial";
    if (state === "partial" && this.body.shards.every((shard) => shard.stale)) state = "stalled";
    if (this.paused && this.connection === "live") state = "paused";
    byId("state").dataset.state = state;
    say(byId("state-text"), TEXTS[state]);
    document.body.classList.toggle("is-old", state === "stalled" || state === "away");
    this.warn(state);
  }

  warn(state) {
    const text = this.sentence();
    const banner = byId("banner");
    banner.dataset.state = state;
    if (banner.hidden !== !text) banner.hidden = !text;
    // Only what is new is read aloud: a countdown would be, each second.
    say(banner, text);
  }

  sentence() {
    const { lastAt, again, problem } = this.detail;
    if (this.connection === "away") {
      return `No live numbers: ${problem.detail} ${lastAt ? "What you see is from before." : ""}`.trim();
    }
    if (this.connection === "stalled") {
      const since = `The stream has stalled: nothing has come since ${timeOfDay(lastAt / 1000)}.`;
      return `${since} ${again ? "Connecting again by itself." : "Waiting for it."}`;
    }
    if (this.connection === "connecting") return again ? "The server does not answer yet. Connecting again by itself." : "";
    if (!this.body) return "";
    if (!this.body.as_of) return "No worker has published anything yet. Numbers appear as soon as one does.";
    const stale = this.body.shards.filter((shard) => shard.stale);
    const others = this.body.shards.filter((shard) => shard.other_version);
    if (!stale.length && others.length) {
      const names = others.map((shard) => `shard ${shard.shard}`).join(", ");
      return `Not everything is shown: the worker of ${names} is of a version that counts otherwise. Finish the upgrade.`;
    }
    if (!stale.length) return "";
    if (stale.length === this.body.shards.length) {
      return `The pipeline has stalled: no shard has published since ${timeOfDay(this.body.as_of)}. These are its last numbers.`;
    }
    const names = stale.map((shard) =>
      `shard ${shard.shard} (${shard.age_seconds === null ? "never spoke" : `silent for ${rough(shard.age_seconds)}`})`);
    return `Not everything is live: ${names.join(", ")}. Its last numbers are still counted.`;
  }

  /** One sentence for everybody, read aloud now and then. */
  summarise() {
    const now = Date.now();
    if (now - this.summarised < SUMMARY) return;
    this.summarised = now;
    const { rides, ticketing } = this.body.domains;
    const paid = (amounts) => Object.entries(amounts).map(([currency, text]) => money(text, currency)).join(" + ") || "nothing";
    say(byId("summary"),
      `In the last hour: ${plural(rides.bookings.created, "booking")} and ${plural(rides.trips.completed, "completed trip")} ` +
      `for ${paid(rides.payments.revenue)}; ${plural(ticketing.dashboard.visits, "visit")} and ` +
      `${plural(ticketing.dashboard.tickets, "ticket")} sold for ${paid(ticketing.dashboard.revenue)}.`);
  }
}

/** An age that does not change each second. */
function rough(age) {
  return age < 60 ? `${Math.floor(age / 10) * 10 || "a few"} s`.replace("few s", "few seconds") : seconds(age);
}

window.addEventListener("load", () => { window.millrace = new Page(); });
