// Where an answer is from, how near and how old it is; and the answer as a file.

import { byId, h } from "../dom.js";
import { download, save } from "./api.js";
import { clockIn, periodOf } from "./figures.js";

const CACHE = {
  hit: "kept answer", stale: "kept answer, made anew at this moment", shared: "read now, with others who asked the same",
  miss: "read now", off: "read now; nothing can be kept", fallback: "old answer, since the store is away",
};

const NEAR = "near: people and orders within 2 %, percentiles within 0.8 %";

/** Tell of an answer: `more` facts as `[name, text]`, then what `told` says of itself and `span` of its time. */
export function facts(more, told, span) {
  const moment = (text) => periodOf(text, "hour");
  const age = told.age_seconds ? `, ${Math.round(told.age_seconds / 60)} minutes old` : "";
  const compared = told.compared_with;
  const asOf = told.as_of && h("time", { datetime: told.as_of }, clockIn(span.zone, told.as_of));
  const all = [
    ...more,
    ["Period", `${moment(span.from)} up to ${moment(span.to)}`],
    compared ? ["Compared with", `${moment(compared.from)} up to ${moment(compared.to)}`] : null,
    ["Time zone", span.zone],
    told.exact === undefined ? null : ["Accuracy", told.exact ? "exact" : NEAR],
    told.source ? ["Read from", told.source] : null,
    ["All that came until", asOf ?? "nothing has come yet"],
    ["Cache", CACHE[told.cache] + age],
  ];
  byId("facts").replaceChildren(...all.filter(Boolean).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))));
}

/** Offer all rows of an answer about a metric as files, made by the API; and what the page has as JSON. */
export function files(path, words, answer, refuse) {
  for (const page of ["limit", "cursor"]) words.delete(page); // a file has all rows
  const made = ["csv", "xlsx"].map((form) => {
    const address = `${path}?${words}&format=${form}`;
    const button = h("button", { type: "button", "data-path": address }, `Download ${form === "csv" ? "CSV" : "Excel"}`);
    button.addEventListener("click", () => download(address, `metrics.${form}`).catch(refuse));
    return button;
  });
  byId("files").replaceChildren(...made, json(answer, "metrics.json"));
}

/** A button that saves an answer as it came. */
export function json(answer, name) {
  const button = h("button", { type: "button", id: "json" }, "Download JSON");
  button.addEventListener("click", () => save(new Blob([JSON.stringify(answer, null, 1)], { type: "application/json" }), name));
  return button;
}
