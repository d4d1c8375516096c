/**
 * Several runs: one curve of each in one chart, and the settings in which they differ.
 * @module
 */

/** Compares runs. */
export function compareView(app) {
  const { h, fill, visible } = app.elements;
  const { figure, whole } = app.numbers;
  const LABELS = {
    loss: "Loss",
    learning_rate: "Learning rate",
    grad_norm: "Gradient norm",
    tokens_per_second: "Tokens a second",
    token_accuracy: "Token accuracy",
  };
  /** Milliseconds between two looks at runs that train. */
  const LATER = 3000;

  /** Rows of all runs over the steps that any of them has. */
  function joined(runs) {
    const steps = [...new Set(runs.flatMap(({ curves }) => curves.steps))]
      .sort((a, b) => a - b);
    const at = new Map(steps.map((step, i) => [step, i]));
    const columns = runs.map(({ curves }) => {
      const column = new Array(steps.length).fill(null);
      curves.steps.forEach((step, i) =>
        column[at.get(step)] = curves.columns[0].values[i] ?? null
      );
      return column;
    });
    return [steps, ...columns];
  }

  /** Keys in which the runs differ, with the value of each. */
  function differences(runs) {
    const all = runs.map(({ settings }) => new Map(settings));
    const keys = [...new Set(all.flatMap((own) => [...own.keys()]))];
    return keys.filter((key) => key !== "output_dir")
      .map((key) => ({ key, values: all.map((own) => own.get(key)) }))
      .filter(({ values }) => new Set(values).size > 1);
  }

  /** Fills `main` with a comparison; returns what ends it. */
  async function show(main, names) {
    const smoothing = app.chart.smoothing(() => soon(150));
    let column = "loss";
    let summaries = new Map();
    let runs = [];
    let timer = 0;
    const choice = h("select", {
      onchange: ({ target }) => {
        column = target.value;
        load();
      },
    });
    const chart = app.chart.make({
      label: "Loss",
      curves: [],
      onZoom: (from, to) => load({ from, to }),
    });
    chart.element.classList.add("main");
    const table = h("div");
    const settings = h("div");
    fill(
      main,
      h("p", { class: "crumbs small" }, h("a", { href: "#/" }, "All runs")),
      h("h1", {}, `${names.length} runs compared`),
      h(
        "div",
        { class: "bar small" },
        h("label", {}, "figure ", choice),
        smoothing.elements,
      ),
      h("h2", {}, "Curves"),
      h("div", { class: "charts" }, chart.element),
      h("h2", {}, "Figures"),
      table,
      h("h2", {}, "Settings that differ"),
      settings,
    );

    function soon(milliseconds) {
      clearTimeout(timer);
      timer = setTimeout(load, milliseconds);
    }

    function color(name) {
      return app.chart.hue(names.indexOf(name));
    }

    function mark(name) {
      return h(
        "span",
        { class: `swatch c${names.indexOf(name) % 10}`, "aria-hidden": "true" },
      );
    }

    let zoom = {};
    async function load(range) {
      if (range !== undefined) zoom = range;
      const found = await app.server.get("overlay", {
        name: names,
        column: column === "loss" || smoothing.weight > 0
          ? `${column}~`
          : column,
        smooth: smoothing.weight,
        buckets: names.length > 8 ? 150 : 400,
        ...zoom,
      });
      runs = found.runs;
      // the table below has the figures as logged, which differ from those of a smoothed curve
      chart.setLabel(
        `${LABELS[column] ?? visible(column)}${
          smoothing.weight > 0 ? ", smoothed" : ""
        }`,
      );
      chart.setCurves(
        runs.map(({ name }) => ({ name: visible(name), color: color(name) })),
        joined(runs),
      );
      drawSettings();
    }

    function scroller(label, content) {
      return h(
        "div",
        {
          class: "table card",
          tabindex: 0,
          role: "group",
          "aria-label": label,
        },
        content,
      );
    }

    function drawTable() {
      fill(
        table,
        scroller(
          "Figures",
          h(
            "table",
            {},
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                ["run", "state", "steps", "loss", "eval loss", "best eval loss"]
                  .map((head, i) =>
                    h("th", { class: i > 2 ? "n" : null }, head)
                  ),
              ),
            ),
            h(
              "tbody",
              {},
              names.map((name) => {
                const own = summaries.get(name);
                if (own === undefined) {
                  return h(
                    "tr",
                    {},
                    h("th", { scope: "row" }, visible(name)),
                    h("td", { colspan: 5 }, "is not in this folder"),
                  );
                }
                return h(
                  "tr",
                  {},
                  h(
                    "th",
                    { scope: "row" },
                    mark(name),
                    h("a", { href: app.runList.link(name) }, visible(name)),
                  ),
                  h("td", {}, app.runList.badge(own.state)),
                  h("td", {}, whole(own.step)),
                  h("td", { class: "n" }, figure(own.loss)),
                  h("td", { class: "n" }, figure(own.evalLoss)),
                  h("td", { class: "n" }, figure(own.bestEvalLoss)),
                );
              }),
            ),
          ),
        ),
      );
    }

    let drawn = "";
    function drawSettings() {
      const rows = differences(runs);
      const now = JSON.stringify(rows);
      if (now === drawn) return;
      drawn = now;
      fill(
        settings,
        rows.length === 0
          ? h(
            "p",
            { class: "card none" },
            "All settings but output_dir are the same.",
          )
          : scroller(
            "Settings that differ",
            h(
              "table",
              { class: "settings" },
              h(
                "thead",
                {},
                h(
                  "tr",
                  {},
                  h("th", {}, "setting"),
                  runs.map(({ name }) =>
                    h("th", {}, mark(name), visible(name))
                  ),
                ),
              ),
              h(
                "tbody",
                {},
                rows.map(({ key, values }) =>
                  h(
                    "tr",
                    {},
                    h("th", { scope: "row" }, h("code", {}, visible(key))),
                    values.map((value) =>
                      h("td", {}, value === undefined ? "–" : visible(value))
                    ),
                  )
                ),
              ),
            ),
          ),
      );
    }

    async function loadAll() {
      const list = await app.server.get("runs");
      summaries = new Map(list.runs.map((run) => [run.name, run]));
      const details = await app.server.get("columns", { name: names });
      fill(
        choice,
        details.columns.map((name) =>
          h(
            "option",
            { value: name, selected: name === column },
            LABELS[name] ?? visible(name),
          )
        ),
      );
      drawTable();
      await load();
    }

    await loadAll();
    app.server.follow({}, {
      again: loadAll,
      runs: ({ changed, gone }) => {
        for (const run of changed) summaries.set(run.name, run);
        for (const name of gone) summaries.delete(name);
        drawTable();
        const trains = changed.some(({ name, state }) =>
          names.includes(name) && state === "running"
        );
        if (trains && timer === 0) {
          timer = setTimeout(async () => {
            await load();
            timer = 0;
          }, LATER);
        }
      },
    });
    return () => {
      clearTimeout(timer);
      chart.destroy();
    };
  }

  return { show };
}
