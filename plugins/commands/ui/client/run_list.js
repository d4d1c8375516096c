/**
 * The list of runs: what they are, how far they came, their best figures; and which to compare.
 * @module
 */

/** Shows the list. */
export function runList(app) {
  const { h, fill, say, visible } = app.elements;
  const { figure, whole, duration, ago } = app.numbers;
  const STATES = {
    preparing: "preparing",
    running: "running",
    finished: "finished",
    stopped: "stopped",
    failed: "failed",
  };

  /** A badge of a state. */
  function badge(state) {
    return h("span", { class: `badge state-${state}` }, STATES[state]);
  }

  /** The address of a run's page. */
  function link(name) {
    return `#/run/${encodeURIComponent(name)}`;
  }

  /** How far a run is, as a bar and as text. */
  function progress({ step, totalSteps }) {
    const share = totalSteps ? Math.min(1, step / totalSteps) : 0;
    return h(
      "span",
      { class: "progress" },
      h("progress", {
        max: 1,
        value: share,
        "aria-label": "steps done",
      }),
      h(
        "span",
        { class: "soft small" },
        totalSteps === null
          ? `${whole(step)} steps`
          : `${whole(step)} of ${whole(totalSteps)}`,
      ),
    );
  }

  /**
   * A row for a run, to be kept: what is pressed while the list changes must be there when it is let go. Gives the
   * row, and what shows the run's present state in it.
   */
  function makeRow({ name }, isChosen, onChoose) {
    const about = h("span", { class: "soft small model" });
    const row = h(
      "tr",
      { "data-name": name },
      h(
        "td",
        { class: "pick" },
        h("input", {
          type: "checkbox",
          checked: isChosen,
          "aria-label": `compare ${visible(name)}`,
          onchange: ({ target }) => onChoose(name, target.checked),
        }),
      ),
      h(
        "th",
        { scope: "row" },
        h("a", { href: link(name) }, visible(name)),
        about,
      ),
    );
    const update = (run) => {
      say(
        about,
        [run.model, run.adapter].filter((part) => part !== null).map(visible)
          .join(" · "),
      );
      while (row.cells.length > 2) row.lastElementChild.remove();
      row.append(...figures(run));
    };
    return { row, update };
  }

  /** The cells of what changes while a run goes on. */
  function figures(run) {
    return [
      h("td", {}, badge(run.state)),
      h(
        "td",
        { "data-label": "steps" },
        progress(run),
        run.secondsLeft > 0
          ? h(
            "span",
            { class: "soft small" },
            ` ${duration(run.secondsLeft)} left`,
          )
          : null,
      ),
      h("td", { class: "n", "data-label": "loss" }, figure(run.loss)),
      h(
        "td",
        { class: "n", "data-label": "best evaluation loss" },
        figure(run.bestEvalLoss),
        run.bestEvalStep === null ? null : h(
          "span",
          { class: "soft small" },
          ` at ${whole(run.bestEvalStep)}`,
        ),
      ),
      h(
        "td",
        { class: "n soft small", "data-label": "changed" },
        run.changed === null ? "–" : ago(run.changed),
      ),
    ];
  }

  /** Fills `main` with the list; returns what ends it. */
  async function show(main) {
    const runs = new Map();
    const chosen = new Set();
    const rows = new Map();
    const body = h("tbody");
    const empty = h("p", { class: "card none" });
    const filter = h("input", {
      type: "search",
      placeholder: "name or model",
      autocomplete: "off",
      oninput: draw,
    });
    const compare = h("a", { class: "button", role: "button" }, "Compare");
    const count = h("span", { class: "soft small", role: "status" });
    const table = h(
      "div",
      {
        class: "table card runs",
        tabindex: 0,
        role: "group",
        "aria-label": "Runs",
      },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", {}, h("span", { class: "hidden" }, "compare")),
            h("th", {}, "run"),
            h("th", {}, "state"),
            h("th", {}, "steps"),
            h("th", { class: "n" }, "loss"),
            h("th", { class: "n" }, "best eval loss"),
            h("th", { class: "n" }, "changed"),
          ),
        ),
        body,
      ),
    );

    function choose(name, isChosen) {
      if (isChosen) chosen.add(name);
      else chosen.delete(name);
      drawChosen();
    }

    function drawChosen() {
      const names = [...chosen].filter((name) => runs.has(name));
      compare.toggleAttribute("hidden", runs.size < 2);
      const isReady = names.length >= 2;
      compare.classList.toggle("off", !isReady);
      compare.setAttribute("aria-disabled", String(!isReady));
      if (isReady) {
        compare.href = `#/compare/${names.map(encodeURIComponent).join("/")}`;
      } else compare.removeAttribute("href");
      say(
        compare,
        isReady ? `Compare ${names.length} runs` : "Compare (tick two or more)",
      );
    }

    /** Shows these rows in this order. The one that has the focus stays, and the others are moved around it. */
    function place(wanted) {
      const kept = new Set(wanted);
      for (const row of [...body.rows]) if (!kept.has(row)) row.remove();
      if (wanted.every((row, i) => body.rows[i] === row)) return;
      const focused = wanted.findIndex((row) =>
        row.contains(document.activeElement)
      );
      for (const [i, row] of wanted.entries()) {
        if (i < focused) body.insertBefore(row, wanted[focused]);
        else if (i !== focused) body.append(row);
      }
    }

    function draw() {
      const word = filter.value.toLowerCase();
      const shown = [...runs.values()].filter(({ name, model }) =>
        `${name} ${model ?? ""}`.toLowerCase().includes(word)
      ).sort((a, b) => (b.changed ?? Infinity) - (a.changed ?? Infinity));
      for (const name of rows.keys()) if (!runs.has(name)) rows.delete(name);
      place(shown.map((run) => {
        const own = rows.get(run.name) ??
          makeRow(run, chosen.has(run.name), choose);
        rows.set(run.name, own);
        own.update(run);
        return own.row;
      }));
      table.hidden = runs.size === 0;
      empty.hidden = runs.size > 0;
      filter.parentElement.hidden = runs.size < 8;
      const running =
        [...runs.values()].filter(({ state }) => state === "running").length;
      say(
        count,
        `${whole(runs.size)} ${runs.size === 1 ? "run" : "runs"}${
          running > 0 ? `, ${running} running` : ""
        }${word === "" ? "" : `, ${shown.length} shown`}`,
      );
      drawChosen();
    }

    fill(
      empty,
      "There is no run in this folder yet. Start one with ",
      h("code", {}, "denotune train run.yaml"),
      ": it appears here by itself.",
    );
    fill(
      main,
      h("h1", {}, "Runs"),
      h(
        "div",
        { class: "bar" },
        count,
        h("label", { class: "small" }, "find ", filter),
        compare,
      ),
      empty,
      table,
    );
    const load = async () => {
      const { runs: all } = await app.server.get("runs");
      runs.clear();
      for (const run of all) runs.set(run.name, run);
      draw();
    };
    await load();
    app.server.follow({}, {
      again: load,
      runs: ({ changed, gone }) => {
        for (const run of changed) runs.set(run.name, run);
        for (const name of gone) runs.delete(name);
        draw();
      },
    });
    const timer = setInterval(draw, 30_000); // "5 min ago" moves on
    return () => clearInterval(timer);
  }

  return { show, badge, link, progress };
}
