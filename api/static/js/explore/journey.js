// What questions about journeys share: domain, whose, and when they begin.

import { Period, Zone, choose, field, fill, put, select } from "./fields.js";

export class Journey {
  constructor(catalogue) {
    this.domains = new Map(catalogue.domains.map((domain) => [domain.name, domain]));
    this.period = new Period();
    this.zone = new Zone();
    this.domain = select("domain", [...this.domains.keys()].sort().reverse());
    this.of = select("of", []);
    this.elements = [field("Domain", this.domain), field("Journeys of a", this.of), ...this.period.elements,
      ...this.zone.elements];
    this.offer();
  }

  /** Offer what the chosen domain has. */
  offer() {
    const domain = this.domains.get(this.domain.value);
    fill(this.of, domain?.of ?? []);
    this.zone.usual(domain?.zone ?? "UTC");
  }

  /** The event types that the chosen kind of journey can have as steps. */
  get events() {
    return (this.domains.get(this.domain.value)?.events ?? []).filter((event) => event.of.includes(this.of.value));
  }

  /** Dimensions of an event type. */
  dimensions(name) {
    return this.events.find((event) => event.name === name)?.dimensions ?? [];
  }

  read(words) {
    put(words, "domain", this.domain.value);
    put(words, "of", this.of.value);
    this.period.read(words);
    this.zone.read(words);
  }

  write(words) {
    choose(this.domain, words.get("domain") ?? "ticketing");
    this.offer();
    choose(this.of, words.get("of") ?? "person");
    this.period.write(words);
    this.zone.write(words);
  }
}

/** Words of a form, with those that an address gives as it gives them: what is wrong in one is asked all the same. */
export function merged(words, given) {
  for (const name of new Set(given.keys())) {
    words.delete(name);
    for (const value of given.getAll(name)) words.append(name, value);
  }
  return words;
}

/** Words of an address as a question in JSON; `numbers` and `flags` name those that are no text. */
export function question(words, { lists = [], numbers = [], flags = [] } = {}) {
  const body = {};
  for (const name of new Set(words.keys())) {
    if (name === "view") continue;
    if (lists.includes(name)) body[name] = words.getAll(name);
    else if (numbers.includes(name)) body[name] = Number(words.get(name));
    else if (flags.includes(name)) body[name] = words.get(name) === "true";
    else body[name] = words.get(name);
  }
  return body;
}
