// Lines over time: uPlot draws, the legend and the table carry the numbers.

import { h, panel, say, tableBehind, table } from "./dom.js";
import { count, minuteOfDay } from "./format.js";

const charts = new Set();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export class Chart {
  /**
   * `title`, `unit`; `format(value, name)` for legend and table; `label(at)` names a moment. `floor`: the scale reaches
   * so far at least. `axis`: changes to that of time; `tick`: a value at the other; `edge`: pixels that the last moment's
   * name may stand out. `zone`: where days begin, else this device's. `table`: whether one stands behind it. `dots`:
   * mark each value where there are no more. `span`: seconds that are shown at least.
   */
  constructor(host, { title, unit = "", format = count, label = minuteOfDay, floor = 4, axis = {}, zone = null,
    tick = (value) => compact.format(value), table: behind = true, dots = 0, edge = 18, span = 0 }) {
    Object.assign(this, { title, format, label, floor, axis, zone, tick, dots, edge, span, names: [], data: [[]], at: null });
    const { root, body, note } = panel(host, title, unit);
    this.legend = h("ul", { class: "legend", "aria-hidden": "true" });
    this.plot = h("div", { class: "plot", role: "img" });
    this.note = note;
    body.append(this.legend, this.plot);
    this.drawTable = behind ? tableBehind(root, title, () => this.table()) : () => {};
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.plot);
    charts.add(this);
  }

  /** Show lines `[{name, values, colour}]` over `times`, seconds since 1970. */
  show(times, lines) {
    const names = lines.map((line) => line.name);
    this.data = [times, ...lines.map((line) => line.values)];
    if (!this.u || names.join() !== this.names.join()) {
      this.names = names;
      this.colours = lines.map((line, index) => line.colour ?? `--c${(index % 5) + 1}`);
      this.build();
    } else {
      this.u.setData(this.data);
    }
    this.write();
    this.drawTable();
  }

  build() {
    this.u?.destroy();
    this.plot.replaceChildren();
    this.legend.replaceChildren(...this.names.map((name, index) =>
      h("li", {}, h("span", { class: "swatch", style: { "--swatch": `var(${this.colours[index]})` } }), name, h("b"))));
    if (!this.names.length) this.legend.append(h("li", {}, "Nothing in these minutes."));
    const axis = { stroke: colour("--soft"), font: "12px system-ui", ticks: { show: false } };
    const grid = { stroke: colour("--line"), width: 1 };
    const options = {
      width: Math.max(120, this.plot.clientWidth),
      height: this.plot.clientHeight || 150,
      padding: [8, this.edge, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      ...(this.zone ? { tzDate: (at) => window.uPlot.tzDate(new Date(at * 1000), this.zone) } : {}),
      scales: { x: { range: (_, low, high) => [low === null ? low : Math.min(low, high - this.span), high] }, y: { range: (_, low, high) => [Math.min(0, (low ?? 0) * 1.08), Math.max(this.floor, (high ?? 0) * 1.08)] } },
      axes: [
        { ...axis, grid: { show: false }, space: 62, size: 26, gap: 6,
          values: (_, splits) => splits.map((at) => this.label(at)), ...this.axis },
        { ...axis, grid, space: 34, size: 44, gap: 6,
          values: (_, splits) => splits.map((value) => this.tick(value)) },
      ],
      series: [{}, ...this.names.map((name, index) => ({
        label: name, stroke: colour(this.colours[index]), width: 1.75,
        points: { show: this.data[0].length <= this.dots, size: 5 },
        fill: this.names.length === 1 ? `${colour(this.colours[index])}1f` : undefined,
      }))],
      hooks: { setCursor: [(u) => { this.at = u.cursor.idx ?? null; this.write(); }] },
    };
    this.u = new window.uPlot(options, this.data, this.plot);
  }

  /** Let it go: it is drawn no more. */
  remove() {
    charts.delete(this);
    this.watch.disconnect();
    this.u?.destroy();
  }

  resize() {
    if (this.u && this.plot.clientWidth) this.u.setSize({ width: this.plot.clientWidth, height: this.plot.clientHeight });
  }

  /** The numbers of the moment under the pointer, else of the newest. */
  write() {
    const last = this.data[0].length - 1;
    const at = this.at !== null && this.at <= last ? this.at : last;
    const said = this.names.map((name, index) => `${name} ${this.format(this.data[index + 1][at] ?? null, name)}`);
    this.names.forEach((_, index) => {
      say(this.legend.children[index].lastChild, this.format(this.data[index + 1][at] ?? null, this.names[index]));
    });
    if (last < 0) return;
    const label = `${this.title}: ${said.join(", ") || "nothing"} at ${this.label(this.data[0][at])}. The table below has every value.`;
    if (this.at === null) this.plot.setAttribute("aria-label", label);
  }

  table() {
    const rows = this.data[0].map((at, index) => [this.label(at),
      ...this.names.map((name, line) => this.format(this.data[line + 1][index] ?? null, name))]);
    return table(this.title, ["Time", ...this.names], rows.reverse());
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts) if (chart.u) chart.build();
});

/** The full minutes of the answer that the viewer wants to see: their times, and a cut for any list of values. */
export function minutesOf(body, minutes) {
  const end = body.minutes.starts.length - 1; // the last one is still running
  const begin = Math.max(0, end - minutes);
  return { times: body.minutes.starts.slice(begin, end), cut: (values) => values.slice(begin, end) };
}

/** Lines of some measures of a window. */
export function lines(body, cut, window, wanted) {
  return wanted.map(([measure, name, tint]) => ({ name, colour: tint, values: cut(body.minutes.windows[window][measure]) }));
}

/** Lines of an amount, one for each currency. */
export function amounts(body, cut, window, measure) {
  const found = Object.entries(body.minutes.windows[window][measure]);
  return found.map(([currency, values]) => ({ name: currency, values: cut(values).map((text) => Number(text ?? 0)) }));
}
