/**
 * Which view the address asks for.
 * @module
 */

/** Starts the page. */
export function start(app) {
  const { h, fill, say, visible } = app.elements;
  const main = document.getElementById("main");
  let end = null;
  let shown = 0;

  async function show() {
    const own = ++shown;
    end?.();
    end = null;
    const [, view = "", ...parts] = location.hash.split("/");
    const names = parts.map(decodeURIComponent);
    main.classList.add("busy"); // what is not filled yet is not shown
    try {
      const ended = await open(view, names);
      if (own === shown) end = ended;
      else ended?.();
    } catch (error) {
      if (own !== shown) return;
      // a run that is being prepared has no folder yet
      app.server.follow({}, {
        again: show,
        runs: ({ changed }) =>
          changed.some(({ name }) => names.includes(name)) && show(),
      });
      fill(
        main,
        h("h1", {}, "Cannot show this"),
        h("p", { class: "card note" }, visible(error.message)),
        h("p", {}, h("a", { href: "#/" }, "All runs")),
      );
    } finally {
      if (own === shown) main.classList.remove("busy");
    }
  }

  async function open(view, names) {
    document.title = "denotune";
    if (view === "run") return await app.runView.show(main, names[0]);
    if (view === "compare") return await app.compareView.show(main, names);
    return await app.runList.show(main);
  }

  addEventListener("hashchange", async () => {
    await show();
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  });
  async function begin() {
    try {
      const { folder, runs } = await app.server.get("runs");
      say(document.getElementById("folder"), visible(folder));
      // whoever starts the page beside a run wants to see that run
      const running = runs.filter(({ state }) => state === "running");
      if (
        app.server.isNew && location.hash.length < 3 && running.length === 1
      ) {
        history.replaceState(null, "", app.runList.link(running[0].name));
      }
    } catch {
      // the view says what is wrong
    }
    await show();
  }

  begin();
  return {};
}
