// Tells Millrace of page views. One line in a page, with a key of `millrace keys create NAME --scope pages:write`:
//   <script async src="/static/pages.js" data-key="mr_..."></script>   (with this server's address in front)
// A page of another origin needs that origin in INGEST_CORS_ORIGINS. In an application of one page, call
// `millrace.page()` after each change of the address. Nothing is stored but a random name of the visit, until the tab
// is closed; `data-user` adds the signed-in visitor.
(() => {
  const script = document.currentScript;
  const { key, user, source = `/web/${location.host}` } = script.dataset;
  const url = new URL("/v1/events", script.src).href;
  const TRIES = 5;
  const MOST_TEXT = 2048;

  /** The name of this visit: the same in all pages of a tab. */
  function visit() {
    try {
      const known = sessionStorage.getItem("millrace-visit") ?? name();
      sessionStorage.setItem("millrace-visit", known);
      return known;
    } catch {
      return (visit.alone ??= name()); // storage is switched off: each page is a visit of its own
    }
  }

  /** 128 random bits; `crypto.randomUUID` exists on secure pages only. */
  function name() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** Post one event; where that was in doubt again, with the same id, so that no repeat counts twice. */
  async function post(body, tries = 1) {
    let wait = 2 ** tries;
    try {
      const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/cloudevents+json" };
      const answer = await fetch(url, { method: "POST", headers, body, keepalive: true, credentials: "omit" });
      if (answer.ok) return true;
      if (answer.status !== 429 && answer.status !== 503) {
        console.warn("millrace:", answer.status, (await answer.json()).detail);
        return false;
      }
      wait = Math.max(wait, Number(answer.headers.get("Retry-After")) || 0);
    } catch {
      // The network is away, or the page is being left: tried again if it is still there.
    }
    if (tries >= TRIES) return false;
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait * (0.5 + Math.random())));
    return post(body, tries + 1);
  }

  /** Tell of the page that is shown now; true once it is acknowledged. */
  function page() {
    const data = {
      session_id: visit(),
      url: location.href.slice(0, MOST_TEXT),
      referrer: document.referrer.slice(0, MOST_TEXT),
      user_agent: navigator.userAgent.slice(0, 512),
    };
    if (user) data.user_id = user;
    const event = { specversion: "1.0", id: name(), source, type: "page.viewed", time: new Date().toISOString(), data };
    return post(JSON.stringify(event));
  }

  window.millrace = { page, first: page() };
})();
