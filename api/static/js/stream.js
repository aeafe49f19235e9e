// The live stream: says when it stalls, and connects again, each time a little later.

const STALL = 4000;
const FIRST = 1000;
const LONGEST = 30000;

export class Stream {
  /** `on.data(body)` for each answer; `on.state(state, detail)` for connecting, live, stalled and away. */
  constructor(address, on) {
    this.address = address;
    this.on = on;
    this.wait = FIRST;
    this.lastAt = 0;
    this.retryAt = 0;
    setInterval(() => this.look(), 500);
    addEventListener("online", () => this.connect());
    this.connect();
  }

  connect() {
    this.source?.close();
    this.retryAt = 0;
    this.openedAt = Date.now();
    const source = (this.source = new EventSource(this.address));
    source.addEventListener("dashboard", (event) => {
      this.lastAt = Date.now();
      this.wait = FIRST;
      this.problem = null;
      this.on.state("live");
      this.on.data(JSON.parse(event.data));
    });
    source.addEventListener("problem", (event) => {
      this.openedAt = Date.now();
      this.wait = FIRST;
      this.problem = JSON.parse(event.data);
      this.on.state("away", { problem: this.problem, lastAt: this.lastAt });
    });
    source.onerror = () => this.later();
  }

  /** Try again after a while, with jitter so that many pages do not come at once. */
  later() {
    this.source.close();
    if (this.retryAt) return;
    const wait = this.wait * (0.75 + Math.random() / 2);
    this.retryAt = Date.now() + wait;
    this.wait = Math.min(this.wait * 2, LONGEST);
    this.problem = null;
    this.tell();
  }

  tell() {
    const now = Date.now();
    const again = this.retryAt ? Math.max(1, Math.ceil((this.retryAt - now) / 1000)) : 0;
    this.on.state(this.lastAt ? "stalled" : "connecting", { lastAt: this.lastAt, again });
  }

  look() {
    const now = Date.now();
    if (this.retryAt) {
      if (now >= this.retryAt) this.connect();
      else this.tell();
      return;
    }
    if (this.problem && now - this.openedAt < STALL) return;
    const heard = Math.max(this.lastAt, this.openedAt);
    if (now - Math.max(this.lastAt, this.problem ? this.openedAt : 0) > STALL) this.tell();
    if (now - heard > 3 * STALL) this.later();
  }
}
