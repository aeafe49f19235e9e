// Demand by place: hexagons of H3, whose outlines the server computes once for each cell.

import { h, panel, table, tableBehind } from "./dom.js";
import { count } from "./format.js";

const WIDE = 400;
const HIGH = 400;
const BATCH = 200;
const STEPS = [1, 2, 4, 8];

export class Cells {
  constructor(host) {
    const { root, body, note } = panel(host, "Demand by place", "last 15 min");
    this.note = note;
    this.outlines = new Map();
    this.asked = new Set();
    this.cells = [];
    this.drawn = "";
    this.map = h("svg", { class: "map", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", preserveAspectRatio: "xMidYMid meet" });
    this.empty = h("p", { class: "empty" }, "No bookings or free drivers with a place in the last 15 minutes.");
    this.keys = h("p", { class: "keys" });
    this.more = h("p", { class: "keys" });
    body.append(this.empty, this.map, this.keys, this.more);
    this.legend(STEPS);
    this.drawTable = tableBehind(root, "Demand by place", () => this.table());
  }

  legend(steps) {
    const names = [...steps.slice(0, 3).map((from, index) => {
      const until = steps[index + 1] - 1;
      return from === until ? `${from}` : `${from}–${until}`;
    }), `${steps[3]}+`];
    const row = (title, shades) => [h("b", {}, title), ...shades.map(([name, shade]) =>
      h("span", {}, h("i", { style: { "--swatch": `var(${shade})` } }), name))];
    this.keys.replaceChildren(
      ...row("Bookings, with a driver for each", [["none", "--heat-0"], ...names.map((name, at) => [name, `--heat-${at + 1}`])]),
      ...row("Bookings, more than free drivers", names.map((name, at) => [name, `--short-${at + 1}`])));
  }

  /** Show `[{cell, bookings, drivers}]`. */
  async show(cells) {
    this.cells = cells;
    this.drawTable();
    const unknown = cells.map((each) => each.cell).filter((cell) => !this.asked.has(cell));
    for (let at = 0; at < unknown.length; at += BATCH) await this.fetch(unknown.slice(at, at + BATCH));
    this.draw();
  }

  async fetch(cells) {
    cells.forEach((cell) => this.asked.add(cell));
    try {
      const answer = await fetch(`/v1/geo/cells?${cells.map((cell) => `cell=${cell}`).join("&")}`);
      const body = await answer.json();
      for (const [cell, corners] of Object.entries(body.cells)) this.outlines.set(cell, corners);
    } catch {
      cells.forEach((cell) => this.asked.delete(cell)); // the stream says that the server is away; the next answer asks again
    }
  }

  draw() {
    const known = this.cells.filter((each) => this.outlines.has(each.cell));
    const { near, far } = this.region(known);
    const drawn = JSON.stringify(near);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.empty.hidden = near.length > 0;
    this.map.toggleAttribute("hidden", !near.length);
    this.map.style.setProperty("display", near.length ? "block" : "none");
    this.keys.hidden = !near.length;
    const steps = this.steps(near);
    this.legend(steps);
    const place = this.projection(near);
    this.map.replaceChildren(...near.map((each) => this.hexagon(each, place, steps)));
    const booked = near.reduce((sum, each) => sum + each.bookings, 0);
    const short = near.filter((each) => each.bookings > each.drivers).length;
    this.map.setAttribute("aria-label",
      `${count(booked)} bookings in ${count(near.length)} cells, ${count(short)} with more bookings than free drivers. The table below lists them.`);
    this.more.textContent = far ? `${count(far)} cells elsewhere are in the table only.` : "";
  }

  /** The part of the world with most going on: one map of two continents would show nothing. */
  region(cells) {
    const groups = new Map();
    for (const each of cells) {
      const [latitude, longitude] = this.outlines.get(each.cell)[0];
      const name = `${Math.round(latitude / 1.5)}:${Math.round(longitude / 1.5)}`;
      const group = groups.get(name) ?? { weight: 0, cells: [] };
      group.weight += each.bookings + each.drivers;
      group.cells.push(each);
      groups.set(name, group);
    }
    const best = [...groups.values()].sort((one, other) => other.weight - one.weight)[0];
    const near = best?.cells ?? [];
    return { near, far: cells.length - near.length };
  }

  /** Where the four shades begin: the quarters of what the busiest cells have. */
  steps(cells) {
    const most = Math.max(0, ...cells.map((each) => each.bookings));
    if (most < 8) return [1, 2, 3, 4];
    const quarter = Math.ceil(most / 4);
    return [1, quarter, 2 * quarter, 3 * quarter];
  }

  projection(cells) {
    const corners = cells.flatMap((each) => this.outlines.get(each.cell));
    const latitudes = corners.map((corner) => corner[0]);
    const longitudes = corners.map((corner) => corner[1]);
    const [south, north] = [Math.min(...latitudes), Math.max(...latitudes)];
    const [west, east] = [Math.min(...longitudes), Math.max(...longitudes)];
    const narrow = Math.cos(((south + north) * Math.PI) / 360); // a degree of longitude is shorter away from the equator
    const scale = Math.min((WIDE - 16) / ((east - west) * narrow || 1), (HIGH - 16) / (north - south || 1));
    const left = (WIDE - (east - west) * narrow * scale) / 2;
    const top = (HIGH - (north - south) * scale) / 2;
    return ([latitude, longitude]) =>
      `${(left + (longitude - west) * narrow * scale).toFixed(1)} ${(top + (north - latitude) * scale).toFixed(1)}`;
  }

  hexagon(each, place, steps) {
    const shade = steps.filter((from) => each.bookings >= from).length;
    return h("path", {
      d: `M${this.outlines.get(each.cell).map(place).join("L")}Z`,
      style: { fill: `var(--${each.bookings > each.drivers ? "short" : "heat"}-${shade})` },
    }, h("title", {}, `${count(each.bookings)} bookings, ${count(each.drivers)} free drivers (${each.cell})`));
  }

  table() {
    const busiest = [...this.cells].sort((one, other) => other.bookings - one.bookings || other.drivers - one.drivers);
    const rows = busiest.slice(0, 100).map((each) => [each.cell, count(each.bookings), count(each.drivers)]);
    return table("Demand by place, the busiest first", ["H3 cell", "Bookings", "Drivers"], rows);
  }
}
