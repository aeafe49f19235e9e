// The API as this page asks it: with the key of this tab, and with refusals in the words of their problem.

const NAME = "millrace-key";
let alone = ""; // where the browser keeps nothing for the tab, the key lasts as long as the page

/** The key of this tab; empty where there is none. */
export function key() {
  try {
    return sessionStorage.getItem(NAME) ?? alone;
  } catch {
    return alone;
  }
}

/** Keep a key for this tab; an empty one is forgotten. */
export function keep(text) {
  alone = text;
  try {
    if (text) sessionStorage.setItem(NAME, text);
    else sessionStorage.removeItem(NAME);
  } catch {
    // Storage is switched off: `alone` has it.
  }
}

/** A question that was not answered: why, and what to do. */
export class Refused extends Error {
  constructor(status, { title, detail, near = [] }) {
    super(detail);
    Object.assign(this, { status, title, near });
  }

  /** Whether another key would help. */
  get wantsKey() {
    return this.status === 401 || this.status === 403;
  }
}

/** What an answer refuses, be it a problem (RFC 9457) or not. */
async function refusal(answer) {
  const content = await answer.json().catch(() => ({}));
  const title = content.title ?? `Error ${answer.status}`;
  return new Refused(answer.status, { ...content, title, detail: content.detail ?? "The server gave no reason." });
}

async function send(path, { body, signal }) {
  const headers = key() ? { Authorization: `Bearer ${key()}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  const method = body ? "POST" : "GET";
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, credentials: "omit", body: body && JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { title: "No answer", detail: "The server does not answer. Ask again once it is back." });
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** The JSON at an address; `body` is posted. Throws Refused. */
export const ask = async (path, more = {}) => (await send(path, more)).json();

/** Fetch a file with the key, and hand it to the browser under the name that the server gives it. Throws Refused. */
export async function download(path, usual) {
  const answer = await send(path, {});
  const named = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
  save(await answer.blob(), named ? named[1] : usual);
}

/** Hand a file to the browser. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
