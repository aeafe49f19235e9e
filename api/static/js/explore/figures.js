// Values of metrics for people: by unit, with currency, and changes.

import { exactMoney } from "../format.js";

const plain = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat("en-US", { style: "percent", maximumFractionDigits: 2 });
const change = new Intl.NumberFormat("en-US", { style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero" });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const NOTHING = "\u2013";
const SHORT = { seconds: " s", kilometres: " km" };

/** Words for a unit. */
export const UNITS = {
  count: "a count", ratio: "a share", money: "money, each currency by itself", seconds: "seconds", kilometres: "kilometres",
  stars: "stars, 1 to 5", each: "a mean of counts",
};

/** A value as text. */
export function tell(unit, value, currency = "") {
  if (value === null || value === undefined) return NOTHING;
  if (unit === "money") return exactMoney(value, currency);
  if (unit === "ratio") return percent.format(value);
  return plain.format(value) + (SHORT[unit] ?? "");
}

/** A value at an axis. */
export const tickOf = (unit) => (value) => (unit === "ratio" ? percent.format(value) : compact.format(value) + (SHORT[unit] ?? ""));

/** How a value differs from the one before it. */
export function changeOf(value, previous) {
  const [now, before] = [Number(value ?? NaN), Number(previous ?? NaN)];
  return before && !Number.isNaN(now) ? change.format((now - before) / Math.abs(before)) : NOTHING;
}

/** A share. */
export const shareOf = (value) => (value === null ? NOTHING : percent.format(value));

/** The value of a dimension; events may not say it. */
export const named = (text) => (text === "" ? "not given" : text);

const DAYS = new Set(["day", "week", "month", "quarter", "year"]);

/** The beginning of a period on the clock of its zone, as the API writes it; below a day with its distance from UTC. */
export function periodOf(start, granularity) {
  if (DAYS.has(granularity)) return start.slice(0, 10);
  const [offset] = /(Z|[+-]\d\d:\d\d)$/.exec(start);
  return `${start.slice(0, 10)} ${start.slice(11, 16)} ${offset.replace("Z", "+00:00")}`;
}

/** A moment of an axis, in seconds, on the clock of a zone. */
export function momentIn(zone, granularity) {
  const day = { timeZone: zone, day: "2-digit", month: "short" };
  const more = DAYS.has(granularity) ? {} : { hour: "2-digit", minute: "2-digit" };
  const format = new Intl.DateTimeFormat("en-GB", { ...day, ...more });
  return (at) => format.format(new Date(at * 1000));
}

/** A moment that the API tells, on the clock of a zone. */
export function clockIn(zone, text) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, dateStyle: "medium", timeStyle: "medium" });
  return format.format(new Date(text));
}
