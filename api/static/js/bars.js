// Horizontal bars with their numbers, as a list that reads well aloud.

import { h, panel } from "./dom.js";
import { count } from "./format.js";

export class Bars {
  constructor(host, { title, unit = "", empty = "Nothing yet.", format = count }) {
    const { body, note } = panel(host, title, unit);
    Object.assign(this, { body, note, empty, format, list: h("ol", { class: "bars" }) });
  }

  /** Show `[{name, value, share, colour}]`; the longest bar is the largest value, or `of`. */
  show(items, of = Math.max(1, ...items.map((item) => item.value))) {
    if (!items.length) {
      this.body.replaceChildren(h("p", { class: "empty" }, this.empty));
      return;
    }
    if (this.list.parentNode !== this.body) this.body.replaceChildren(this.list);
    while (this.list.children.length > items.length) this.list.lastChild.remove();
    items.forEach((item, index) => this.draw(item, this.list.children[index] ?? this.add(), of));
  }

  add() {
    const item = h("li", {}, h("span", { class: "name" }), h("span", { class: "count" }, h("span"), h("span", { class: "share" })),
      h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "fill" })));
    this.list.append(item);
    return item;
  }

  draw({ name, value, share, colour }, item, of) {
    const [label, number, track] = item.children;
    label.textContent = label.title = name;
    number.firstChild.textContent = this.format(value);
    number.firstChild.dataset.value = value;
    number.lastChild.textContent = share ?? "";
    number.lastChild.hidden = share === undefined;
    const fill = track.firstChild;
    fill.style.setProperty("width", `${Math.max(0, (100 * value) / of)}%`);
    fill.style.setProperty("--swatch", `var(${colour ?? "--c1"})`);
  }
}
