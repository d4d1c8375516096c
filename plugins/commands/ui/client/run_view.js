/**
 * One run: its figures now, its curves, and what else it has said.
 * @module
 */

/** Shows a run. */
export function runView(app) {
  const { h, fill, say, visible } = app.elements;
  const { figure, short, whole, duration, bytes } = app.numbers;
  const BUCKETS = 500;
  /** Points after which curves are asked for anew. */
  const MOST_POINTS = 6 * BUCKETS;

  /** Fills `main` with a run; returns what ends it. */
  async function show(main, name) {
    let summary = null;
    let columns = [];
    let entries = [];
    const smoothing = app.chart.smoothing(() => soon());
    let charts = [];
    let known = null;
    let settings = [];
    let report = null;
    let resumed = null;
    let prompts = null;
    let batchChanged = undefined;
    let seesBatch = false;
    const controls = app.runControls.make(name);
    const ask = app.runControls.prompts(name);
    const batch = app.batchView.make();
    batch.element.addEventListener("wanted", () => loadBatch());
    const sight = new IntersectionObserver(([{ isIntersecting }]) => {
      seesBatch = isIntersecting;
      if (summary !== null) lookAtBatch();
    });
    sight.observe(batch.element);
    const { section } = app.runFacts;
    const sections = {
      evaluations: section(
        "evaluations",
        "Evaluations",
        app.runFacts.evaluations,
      ),
      samples: section("samples", "Samples", app.runFacts.samples),
      memory: section("memory", "Memory", app.runFacts.memory),
      data: section(
        "data",
        "Data",
        (given) =>
          app.runFacts.data(given, async ({ target }) => {
            target.disabled = true;
            await app.server.post("data-report", { name });
            watchReport();
          }),
      ),
      log: section("log", "Log", app.runFacts.log),
      settings: section("settings", "Settings", app.runFacts.settings),
    };
    sections.samples.element.append(ask.element);
    const state = h("span", { role: "status" });
    const reason = h("p", { class: "card reason" });
    const steps = h("div", { class: "far" });
    const tiles = h("div", { class: "tiles" });
    const plots = h("div", { class: "charts" });
    const logarithmic = h("input", {
      type: "checkbox",
      onchange: ({ target }) => charts[0]?.chart.setLog(target.checked),
    });
    fill(
      main,
      h("p", { class: "crumbs small" }, h("a", { href: "#/" }, "All runs")),
      h("div", { class: "head" }, h("h1", {}, visible(name)), state),
      reason,
      controls.element,
      steps,
      tiles,
      h(
        "nav",
        { class: "jump small", "aria-label": "On this page" },
        [
          ["curves", "Curves"],
          ["batch", "Batch"],
          ...Object.values(sections).map(({ id, title }) => [id, title]),
        ].map(([id, title]) =>
          h("button", {
            type: "button",
            class: "link",
            onclick: () => {
              const to = document.getElementById(id);
              to.scrollIntoView({ block: "start" });
              to.setAttribute("tabindex", "-1");
              to.focus({ preventScroll: true });
            },
          }, title)
        ),
      ),
      h(
        "section",
        { "aria-labelledby": "curves" },
        h("h2", { id: "curves" }, "Curves"),
        h(
          "div",
          { class: "bar small" },
          smoothing.elements,
          h("label", {}, logarithmic, " logarithmic loss"),
          h(
            "span",
            { class: "soft wide" },
            "Drag over a chart to zoom in, double click to zoom out",
          ),
        ),
        plots,
      ),
      batch.element,
      Object.values(sections).map(({ element }) => element),
    );

    function drawState() {
      document.title = `${name} · ${summary.state} · denotune`;
      if (state.textContent !== summary.state) {
        fill(state, app.runList.badge(summary.state));
      }
      reason.hidden = summary.reason === null;
      reason.className = `card reason ${
        summary.state === "failed" ? "bad" : "note"
      }`;
      say(reason, visible(summary.reason ?? ""));
      fill(steps, app.runList.progress(summary));
      const start = entries.findLast(({ event }) => event === "start")?.fields;
      const memory = start?.memory;
      const of = (kind) => entries.filter(({ event }) => event === kind);
      const canWrite = app.server.hasToken();
      sections.samples.draw(of("sample"));
      sections.evaluations.draw(of("eval"));
      sections.memory.draw({ plan: memory, process: summary.processBytes });
      sections.data.draw({
        start: start === undefined ? undefined : { ...start, run: name },
        report,
        canWrite,
      });
      sections.log.draw(entries);
      sections.settings.draw(settings);
      controls.draw(summary, resumed);
      ask.draw(
        summary,
        prompts ??
          settings.filter(([key]) => /^samples\.prompts\.\d+$/.test(key))
            .map(([, value]) => value),
      );
      lookAtBatch();
      const shown = [
        ["loss", figure(summary.loss)],
        ["evaluation loss", figure(summary.evalLoss)],
        [
          "best evaluation",
          figure(summary.bestEvalLoss),
          summary.bestEvalStep === null
            ? ""
            : `at step ${whole(summary.bestEvalStep)}`,
        ],
        [
          "tokens a second",
          summary.tokensPerSecond === null
            ? "–"
            : short(summary.tokensPerSecond),
          summary.trainedTokensPerSecond === null
            ? ""
            : `${short(summary.trainedTokensPerSecond)} trained`,
        ],
        [
          "time left",
          summary.secondsLeft === null ? "–" : duration(summary.secondsLeft),
        ],
        [
          "memory planned",
          typeof memory?.total === "number" ? bytes(memory.total) : "–",
          typeof memory?.available === "number"
            ? `of ${bytes(memory.available)}`
            : "",
        ],
      ].filter(([, value]) => value !== "–");
      const texts = JSON.stringify(shown);
      if (tiles.dataset.shown === texts) return;
      tiles.dataset.shown = texts;
      fill(
        tiles,
        shown.map(([label, value, more = ""]) =>
          h(
            "div",
            { class: "tile" },
            h("span", {}, label),
            h("b", {}, value),
            more === "" ? null : h("span", {}, more),
          )
        ),
      );
    }

    /** Reads the batch where it is new and somebody sees it. */
    function lookAtBatch() {
      if (!seesBatch || summary.batchChanged === batchChanged) return;
      batchChanged = summary.batchChanged;
      loadBatch();
    }

    async function loadBatch() {
      const found = await app.server.get("batch", { name });
      batch.set(found.batch);
    }

    /** Looks for what became of a report, or of a run that was resumed. */
    async function watchReport() {
      const run = await app.server.get("run", { name });
      ({ report, resumed } = run);
      drawState();
      if (report?.isRunning) setTimeout(watchReport, 1000);
    }

    function makeCharts() {
      for (const { chart } of charts) chart.destroy();
      charts = app.runCharts.of(columns).map((spec) => {
        const own = { ...spec, from: null, to: null, version: 0, data: null };
        own.chart = app.chart.make({
          label: spec.label,
          curves: spec.isMain === true
            ? [...spec.curves, app.runCharts.EVALUATION]
            : spec.curves,
          log: spec.isMain === true && logarithmic.checked,
          onZoom: (from, to) => {
            // all charts of a run show the same steps
            for (const each of charts) Object.assign(each, { from, to });
            load(charts);
          },
        });
        own.chart.element.classList.toggle("main", spec.isMain === true);
        return own;
      });
      fill(plots, charts.map(({ chart }) => chart.element));
    }

    async function load(which) {
      await Promise.all(which.map(async (own) => {
        const curves = await app.server.get("curves", {
          name,
          column: own.curves.map(({ column }) => column),
          smooth: smoothing.weight,
          from: own.from,
          to: own.to,
          buckets: BUCKETS,
        });
        own.count = curves.count;
        own.data = [
          curves.steps,
          ...curves.columns.map(({ values }) => values),
        ];
        own.chart.set(app.runCharts.drawn(own, entries));
      }));
    }

    let waiting = 0;
    function soon() {
      clearTimeout(waiting);
      waiting = setTimeout(() => load(charts), 150);
    }

    /** Adds new steps to what is drawn; smoothed curves go on from their last point. */
    function append({ first, steps: added, columns: values }) {
      if (Object.keys(values).some((column) => !columns.includes(column))) {
        columns = Object.keys(values);
        makeCharts();
        return load(charts);
      }
      for (const own of charts) {
        if (own.to !== null) continue; // zoomed in: what is new is outside
        if (
          own.data === null || own.count < first ||
          own.data[0].length > MOST_POINTS
        ) {
          load([own]);
          continue;
        }
        const from = own.count - first; // what was read in between is there
        own.count = first + added.length;
        for (let i = from; i < added.length; i++) {
          own.data[0].push(added[i]);
          own.curves.forEach(({ column }, c) => {
            const line = own.data[c + 1];
            const isSmoothed = column.endsWith("~") && !(column in values);
            const x = values[isSmoothed ? column.slice(0, -1) : column]?.[i] ??
              null;
            if (!isSmoothed || x === null) return line.push(x);
            const before = line.findLast((v) => v !== null);
            line.push(
              before === undefined
                ? x
                : smoothing.weight * before + (1 - smoothing.weight) * x,
            );
          });
        }
        own.chart.set(app.runCharts.drawn(own, entries));
      }
    }

    async function loadAll() {
      const run = await app.server.get("run", { name });
      ({ summary, columns, entries, settings, report, resumed, prompts } = run);
      known = {
        name,
        version: run.version,
        steps: run.steps,
        entries: (entries.at(-1)?.number ?? -1) + 1,
      };
      drawState();
      makeCharts();
      await load(charts);
    }

    await loadAll();
    app.server.follow(known, {
      again: loadAll,
      reset: loadAll,
      runs: ({ changed }) => {
        const own = changed.find((run) => run.name === name);
        if (own === undefined) return;
        summary = own;
        drawState();
      },
      steps: append,
      entries: (added) => {
        const last = entries.at(-1)?.number ?? -1;
        entries = [...entries, ...added.filter(({ number }) => number > last)];
        drawState();
      },
    });
    return () => {
      sight.disconnect();
      for (const { chart } of charts) chart.destroy();
    };
  }

  return { show };
}
