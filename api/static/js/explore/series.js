// Rows of an answer as lines over time and as bars; stretches without rows are shown as what they are.

import { named } from "./figures.js";

/** So many lines or bars are drawn; the table has all. */
export const MOST_LINES = 5;
export const MOST_BARS = 20;
const UNEVEN = new Set(["month", "quarter", "year"]);
const seconds = (text) => Date.parse(text) / 1000;
const sum = (rows, read) => rows.reduce((total, row) => total + Number(read(row) ?? 0), 0);

/** What tells a row from others of its period, without the currency. */
export const nameOf = (row) =>
  Object.entries(row.key).filter(([name]) => name !== "currency").map(([, value]) => named(value)).join(", ");

/** Rows by what `read` says of each. */
export function grouped(rows, read) {
  const found = new Map();
  for (const row of rows) {
    const name = read(row);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(row);
  }
  return found;
}

/** Groups of rows by name, the largest first: by their values, of ratios and means by what was divided by. */
export function ranked(rows) {
  const size = (own) => sum(own, (row) => row.denominator ?? row.value);
  return [...grouped(rows, nameOf)].sort(([, one], [, two]) => size(two) - size(one));
}

/** Where periods begin, in seconds; of a stretch without rows, its first and its last one. */
export function moments(rows, { from, to, granularity }) {
  const first = granularity === "day" ? from.replace(/T[\d:.]+/, "T00:00:00") : from;
  const ends = new Map(rows.map((row) => [seconds(row.start), seconds(row.end)]));
  const found = new Set(ends.keys());
  let at = seconds(first);
  let length = 0;
  for (const start of [...[...ends.keys()].sort((one, two) => one - two), seconds(to)]) {
    length = (ends.get(start) ?? start + length) - start;
    if (start > at) {
      found.add(at);
      if (!UNEVEN.has(granularity) && start - length > at) found.add(start - length);
    }
    at = ends.get(start) ?? start;
  }
  return [...found].sort((one, two) => one - two);
}

/** Lines over moments; `absent`: what a period without events has. */
export function linesOf(rows, times, { absent, compared, total }) {
  const line = (name, own, read, colour) => {
    const values = new Map(own.map((row) => [seconds(row.start), read(row)]));
    const number = (value) => (value === null || value === undefined ? absent : Number(value));
    return { name, colour, values: times.map((at) => number(values.get(at))) };
  };
  const largest = ranked(rows).slice(0, MOST_LINES);
  const lines = largest.map(([name, own]) => line(name || total, own, (row) => row.value));
  if (compared && largest.length === 1) lines.push(line("the period before", largest[0][1], (row) => row.previous, "--c5"));
  return lines;
}
