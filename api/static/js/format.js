// Numbers, amounts and times for people.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const moneys = new Map();

/** A count. */
export const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));

/** A rate: one digit after the point below a hundred. */
export const rate = (value) => (value === null || value === undefined ? "–" : (value < 100 ? one : whole).format(value));

/** An amount, given as the text of a decimal number. */
export function money(text, currency) {
  if (!moneys.has(currency)) {
    moneys.set(currency, new Intl.NumberFormat("en-US", {
      style: "currency", currency, minimumFractionDigits: 0, maximumFractionDigits: 0,
    }));
  }
  return moneys.get(currency).format(text);
}

/** The same to the last digit that is given. */
export function exactMoney(text, currency) {
  const digits = (String(text).split(".")[1] ?? "").replace(/0+$/, "").length;
  const number = new Intl.NumberFormat("en-US", { minimumFractionDigits: Math.max(2, digits), maximumFractionDigits: Math.max(2, digits) });
  return `${number.format(text)} ${currency}`;
}

/** A share of a whole. */
export const share = (part, of) => {
  if (!of) return "–";
  const percent = (100 * part) / of;
  return part && percent < 0.1 ? "<0.1%" : `${one.format(percent)}%`;
};

/** A duration. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 10) return `${value.toFixed(2)} s`;
  if (value < 120) return `${whole.format(value)} s`;
  if (value < 7200) return `${whole.format(value / 60)} min`;
  return `${one.format(value / 3600)} h`;
}

/** The time of day of a moment in seconds or as RFC 3339. */
export const timeOfDay = (moment) => clock.format(new Date(typeof moment === "number" ? moment * 1000 : moment));

/** The same without seconds. */
export const minuteOfDay = (moment) => minute.format(new Date(moment * 1000));

/** A word and its number, in the right form. */
export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;
