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
    const [, view = "", ...names] = location.hash.split("/");
    try {
      const ended = await open(view, names.map(decodeURIComponent));
      if (own === shown) end = ended;
      else ended?.();
    } catch (error) {
      fill(
        main,
        h("h1", {}, "Cannot show this"),
        h("p", { class: "card bad" }, visible(error.message)),
        h("p", {}, h("a", { href: "#/" }, "All runs")),
      );
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
  app.server.get("runs").then(({ folder }) =>
    say(document.getElementById("folder"), visible(folder))
  ).catch(() => {});
  show();
  return {};
}
