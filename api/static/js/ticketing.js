// The section of event ticketing.

import { Bars } from "./bars.js";
import { Chart, amounts, lines, minutesOf } from "./chart.js";
import { byId } from "./dom.js";
import { count, money, seconds, share } from "./format.js";
import { Tiles, lastMinute, tile } from "./tiles.js";

const STEPS = [["page", "Saw a page"], ["event", "Saw an event"], ["select", "Chose tickets"],
  ["checkout", "Went to pay"], ["purchase", "Paid"]];
const SESSIONS = "ticketing.sessions";
const WORDS = {
  "event.viewed": "Event viewed", "event.shared": "Event shared", "event.favorited": "Event favorited",
  "event.searched": "Search", "ticket.selected": "Tickets selected", "checkout.started": "Checkout started",
};

export class Ticketing {
  constructor() {
    this.tiles = new Tiles(byId("ticketing-tiles"), [
      {
        label: "Visits going on", format: count, read: (body) => body.active_sessions[SESSIONS] ?? 0,
        note: ({ domains }) => `${count(domains.ticketing.sessions.ended)} ended in the last hour`,
      },
      {
        label: "Median visit", path: "domains.ticketing.sessions.duration_s.p50", format: seconds,
        read: (body) => body.domains.ticketing.sessions.duration_s.p50,
        note: ({ domains: { ticketing: { sessions } } }) =>
          `${share(sessions.bought, sessions.ended)} bought, ${share(sessions.bounced, sessions.ended)} left at once`,
      },
      tile("Visits", "ticketing", "dashboard", "visits", count, lastMinute("ticketing.dashboard", "visits", count)),
      tile("Signed-in visitors", "ticketing", "dashboard", "users", count, lastMinute("ticketing.dashboard", "users", count)),
      tile("Page views", "ticketing", "dashboard", "page_views", count, lastMinute("ticketing.pages", "views", count)),
      tile("Tickets sold", "ticketing", "dashboard", "tickets", count, ({ domains }) =>
        `${count(domains.ticketing.dashboard.purchased)} order lines`),
      tile("Tickets checked in", "ticketing", "dashboard", "checked_in", count, ({ domains }) =>
        `${count(domains.ticketing.dashboard.refunded)} lines given back`),
      tile("Revenue", "ticketing", "dashboard", "revenue", count, () => "before refunds"),
    ]);
    this.funnel = new Bars(byId("funnel"), { title: "Funnel", unit: "visits, last hour" });
    this.visits = new Chart(byId("chart-visits"), { title: "Visits", unit: "each minute" });
    this.revenue = new Chart(byId("chart-ticketing-revenue"), {
      title: "Revenue by currency", unit: "a minute", format: (value, currency) => money(value ?? 0, currency),
    });
    this.tickets = new Chart(byId("chart-tickets"), { title: "Tickets", unit: "a minute" });
    this.pages = new Bars(byId("pages"), { title: "Pages viewed most", unit: "views, last hour" });
    this.interactions = new Bars(byId("interactions"), { title: "Interactions", unit: "last hour" });
  }

  show(body, minutes) {
    const { times, cut } = minutesOf(body, minutes);
    const { funnel, pages } = body.domains.ticketing;
    this.tiles.show(body);
    this.funnel.show(STEPS.map(([step, name]) => ({ name, value: funnel[step], share: share(funnel[step], funnel.page) })));
    this.visits.show(times, lines(body, cut, "ticketing.dashboard", [["visits", "visits", "--c1"], ["users", "signed in", "--c4"]]));
    this.revenue.show(times, amounts(body, cut, "ticketing.sales", "revenue"));
    this.tickets.show(times, lines(body, cut, "ticketing.sales",
      [["tickets", "sold", "--c2"], ["checked_in", "checked in", "--c1"], ["refunded", "returned", "--c3"]]));
    this.pages.show(pages.pages.slice(0, 6).map((each) => ({ name: path(each.value), value: each.count })));
    const found = Object.entries(body.interactions).sort((one, other) => other[1] - one[1]);
    this.interactions.show(found.map(([kind, value]) => ({ name: WORDS[kind] ?? kind, value, colour: "--c4" })));
  }
}

/** The part of an address that differs. */
function path(address) {
  try {
    const { pathname, search } = new URL(address, "http://same.invalid");
    return pathname + search;
  } catch {
    return address;
  }
}
