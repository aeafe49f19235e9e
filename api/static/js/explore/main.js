// The explorer: which view the address asks for, the key, and the way of a question from the form to the answer.

import { byId, h, say } from "../dom.js";
import { Refused, ask, keep, key } from "./api.js";
import { FunnelView } from "./funnel.js";
import { MetricView } from "./metric.js";
import { RetentionView } from "./retention.js";

const VIEWS = { metrics: MetricView, funnel: FunnelView, retention: RetentionView };
const WANTED = "This API wants a key: enter one above, under \u201cNo key\u201d.";

class Explorer {
  async start() {
    const name = new URLSearchParams(location.search).get("view") ?? "metrics";
    this.name = name in VIEWS ? name : "metrics";
    for (const link of document.querySelectorAll("nav [data-view]")) {
      if (link.dataset.view === this.name) link.setAttribute("aria-current", "page");
    }
    this.fold();
    this.listen();
    this.showKey();
    try {
      const on = { changed: () => this.changed(), refuse: (error) => this.refuse(error) };
      this.view = new VIEWS[this.name](await ask("/v1/catalogue"), byId("ask"), on);
    } catch (error) {
      this.refuse(error);
      return;
    }
    this.restore();
  }

  /** Where the question stands above the answer, and is in a link already, the answer comes first. */
  fold() {
    const wide = matchMedia("(min-width: 901px)");
    const asked = [...new URLSearchParams(location.search).keys()].some((name) => name !== "view");
    const follow = () => { byId("question").open = wide.matches || !asked; };
    wide.addEventListener("change", follow);
    follow();
  }

  listen() {
    byId("ask").addEventListener("submit", (event) => { event.preventDefault(); this.changed(); });
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.useKey(byId("key").value.trim());
    });
    byId("key-forget").addEventListener("click", () => this.useKey(""));
    addEventListener("popstate", () => this.restore());
  }

  useKey(text) {
    keep(text);
    byId("key").value = "";
    byId("key-box").open = false;
    this.showKey();
    this.put();
  }

  showKey() {
    say(byId("key-state"), key() ? "Key in use" : "No key");
  }

  /** Show what the address says, as somebody who opens a link sees it. */
  restore() {
    this.view.write(new URLSearchParams(location.search));
    this.put();
  }

  /** Somebody changed the question: the address follows, then the answer. */
  changed() {
    const words = this.view.read();
    if (this.name !== "metrics") words.set("view", this.name);
    const address = `/explore?${words}`;
    if (address !== location.pathname + location.search) history.pushState(null, "", address);
    this.put();
  }

  /** Put the question; of several under way, only the answer to the last is shown. */
  async put() {
    if (!this.view) return;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    this.clear();
    this.view.head();
    if (!key()) {
      say(byId("status"), WANTED);
      return;
    }
    say(byId("status"), "Asking\u2026");
    byId("answer").setAttribute("aria-busy", "true");
    try {
      const answer = await this.view.ask(asking.signal);
      if (asking.signal.aborted) return;
      say(byId("status"), "");
      this.view.show(answer);
    } catch (error) {
      if (asking.signal.aborted) return;
      say(byId("status"), "");
      this.refuse(error);
    }
    byId("answer").setAttribute("aria-busy", "false");
  }

  clear() {
    byId("problem").hidden = true;
    for (const id of ["problem", "facts", "drawn", "numbers", "files"]) byId(id).replaceChildren();
    this.view.clear?.();
  }

  /** Tell a refusal in its own words. */
  refuse(error) {
    if (!(error instanceof Refused)) throw error;
    const near = error.near?.length ? h("p", {}, `Near it: ${error.near.join(", ")}.`) : null;
    byId("problem").replaceChildren(h("strong", {}, error.title), h("p", {}, error.message), near ?? "");
    byId("problem").hidden = false;
    if (error.wantsKey) byId("key-box").open = true;
  }
}

window.addEventListener("load", () => {
  window.explorer = new Explorer();
  window.explorer.start();
});
