// Building and changing the page; text is only ever set as text.

/** An element with properties and children. `style` is an object of custom properties; null children are left out. */
export function h(tag, properties = {}, ...children) {
  const svg = ["svg", "path", "title", "g"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Set text only where it changed, so that selections and readers are left alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A panel with a heading; returns the panel and its body. */
export function panel(host, title, unit = "") {
  const id = `${host.id}-title`;
  const note = h("p", { class: "unit" }, unit);
  const body = h("div", { class: "body" });
  const root = h("section", { class: "panel", "aria-labelledby": id },
    h("header", {}, h("h3", { id }, title), note), body);
  host.replaceChildren(root);
  return { root, body, note };
}

/** Text of a cell that stands at its left, as words do. */
export const words = (text) => h("span", { class: "words" }, text);

/** A table: a row of headings, then rows whose first cell names them. */
export function table(caption, headings, rows) {
  const cell = (content, index) => {
    const tag = index === 0 ? "th" : "td";
    return h(tag, index === 0 ? { scope: "row" } : {}, content instanceof Node ? content : String(content));
  };
  return h("table", {},
    h("caption", { class: "quiet" }, caption),
    h("thead", {}, h("tr", {}, ...headings.map((each) => h("th", { scope: "col" }, each)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell)))));
}

/** A table that is made when somebody opens it, and kept current while it is open. */
export function tableBehind(root, title, make) {
  const box = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `${title}, table` });
  const details = h("details", {}, h("summary", {}, "Table"), box);
  const draw = () => details.open && box.replaceChildren(make());
  details.addEventListener("toggle", draw);
  root.append(details);
  return draw;
}
