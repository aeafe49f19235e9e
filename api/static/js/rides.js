// The section of ride sharing.

import { Bars } from "./bars.js";
import { Cells } from "./cells.js";
import { Chart, amounts, lines, minutesOf } from "./chart.js";
import { byId } from "./dom.js";
import { count, money, seconds, share } from "./format.js";
import { Tiles, lastMinute, tile } from "./tiles.js";

export class Rides {
  constructor() {
    this.tiles = new Tiles(byId("rides-tiles"), [
      tile("Active people", "rides", "active", "users", count, lastMinute("rides.active", "users", count)),
      tile("Active drivers", "rides", "active", "drivers", count, lastMinute("rides.active", "drivers", count)),
      tile("Bookings", "rides", "bookings", "created", count, lastMinute("rides.bookings", "created", count)),
      tile("Trips completed", "rides", "trips", "completed", count, ({ domains }) =>
        `${seconds(domains.rides.trips.duration_s.p50)} median on trip`),
      tile("Payments", "rides", "payments", "succeeded", count, ({ domains }) => {
        const { succeeded, failed } = domains.rides.payments;
        return `${share(succeeded, succeeded + failed)} succeed`;
      }),
      tile("Revenue", "rides", "payments", "revenue", count, () => "before refunds"),
    ]);
    this.bookings = new Chart(byId("chart-bookings"), { title: "Bookings by state", unit: "a minute" });
    this.trips = new Chart(byId("chart-trips"), { title: "Trips by state", unit: "a minute" });
    this.revenue = new Chart(byId("chart-rides-revenue"), {
      title: "Revenue by currency", unit: "a minute", format: (value, currency) => money(value ?? 0, currency),
    });
    this.active = new Chart(byId("chart-active"), { title: "Active", unit: "each minute" });
    this.payments = new Chart(byId("chart-payments"), { title: "Payments by state", unit: "a minute" });
    this.zones = new Bars(byId("zones"), {
      title: "Busiest pickup zones", unit: "bookings, last 15 min", empty: "No booking with a zone in the last 15 minutes.",
    });
    this.states = new Bars(byId("states"), { title: "From booking to payment", unit: "last hour" });
    this.cells = new Cells(byId("cells"));
  }

  show(body, minutes) {
    const { times, cut } = minutesOf(body, minutes);
    this.tiles.show(body);
    this.bookings.show(times, lines(body, cut, "rides.bookings",
      [["created", "asked", "--c1"], ["confirmed", "confirmed", "--c2"], ["cancelled", "cancelled", "--c3"]]));
    this.trips.show(times, lines(body, cut, "rides.trips",
      [["started", "started", "--c1"], ["completed", "completed", "--c2"], ["cancelled", "cancelled", "--c3"]]));
    this.revenue.show(times, amounts(body, cut, "rides.payments", "revenue"));
    this.active.show(times, lines(body, cut, "rides.active", [["users", "people", "--c1"], ["drivers", "drivers", "--c4"]]));
    this.payments.show(times, lines(body, cut, "rides.payments",
      [["initiated", "begun", "--c1"], ["succeeded", "succeeded", "--c2"], ["failed", "failed", "--c3"]]));
    this.zones.show(body.zones.map((each) => ({ name: each.zone, value: each.bookings })));
    const { bookings, trips, payments } = body.domains.rides;
    const of = bookings.created;
    const step = (name, value, colour) => ({ name, value, share: share(value, of), colour });
    this.states.show([
      step("Bookings asked for", bookings.created, "--c1"), step("Bookings confirmed", bookings.confirmed, "--c1"),
      step("Trips started", trips.started, "--c2"), step("Trips completed", trips.completed, "--c2"),
      step("Payments succeeded", payments.succeeded, "--c4"),
    ]);
    this.cells.show(body.cells);
  }
}
