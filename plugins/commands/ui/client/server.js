/**
 * Talking to the server: reading, writing with the token, and what it sends by itself.
 * @module
 */

/** Asks the server. */
export function server(app) {
  const { say } = app.elements;
  const status = document.getElementById("connection");
  const KEY = "denotune token";
  let source = null;

  // the address that the terminal printed holds the token; it is kept for this tab and taken out of the address
  const given = /[#&]token=([0-9a-f]+)/.exec(location.hash);
  if (given !== null) {
    sessionStorage.setItem(KEY, given[1]);
    const rest = location.hash.replace(/[#&]token=[0-9a-f]+/, "");
    history.replaceState(null, "", rest === "" ? "#/" : rest);
  }

  /** Whether the page may write. */
  function hasToken() {
    return sessionStorage.getItem(KEY) !== null;
  }

  /** Reads. `query`: values by name; a list gives the name several times. */
  async function get(path, query = {}) {
    const response = await fetch(`api/${path}?${asked(query)}`);
    const value = await response.json();
    if (!response.ok) throw new Error(value.error);
    return value;
  }

  /** Writes. Throws what the server says. */
  async function post(path, body) {
    const response = await fetch(`api/${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-denotune-token": sessionStorage.getItem(KEY) ?? "",
      },
      body: JSON.stringify(body),
    });
    const value = await response.json();
    if (!response.ok) throw new Error(value.error);
    return value;
  }

  function asked(query) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const one of [value].flat()) {
        if (one !== null && one !== undefined) parameters.append(name, one);
      }
    }
    return parameters;
  }

  /**
   * What is new, from now on: `handlers` by the names of events, and `again` when the connection is back after it was
   * lost. Ends what was followed before.
   */
  function follow(query, handlers) {
    source?.close();
    const own = new EventSource(`api/live?${asked(query)}`);
    source = own;
    let wasLost = false;
    own.addEventListener("open", () => {
      say(status, "");
      status.className = "";
      if (wasLost) handlers.again?.();
      wasLost = false;
    });
    own.addEventListener("error", () => {
      wasLost = true;
      status.className = "lost";
      say(status, "not connected: start `denotune ui` again");
      // a server that refused ends it for good: try again by hand
      if (own.readyState === EventSource.CLOSED) {
        setTimeout(() => source === own && follow(query, handlers), 2000);
      }
    });
    for (const [name, handler] of Object.entries(handlers)) {
      if (name === "again") continue;
      own.addEventListener(name, (event) => handler(JSON.parse(event.data)));
    }
  }

  /** Whether the page was opened just now, by the address that the terminal printed. */
  const isNew = given !== null;

  return { get, post, follow, hasToken, isNew };
}
