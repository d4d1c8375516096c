/**
 * One chart of curves over steps. The mouse, the arrow keys and touches read values; dragging zooms, a double click or
 * Escape zooms out.
 * @module
 */

/** Draws charts. */
export function chart(app) {
  const { h, fill, say } = app.elements;
  const { figure, whole } = app.numbers;
  const HEIGHT = 220;
  /** Curves whose values are written out. */
  const MOST_SHOWN = 12;
  const drawn = new Set();

  /** Colours of the theme that the reader has now. */
  function theme() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    return { ink: of("--soft"), grid: of("--line"), of };
  }

  /** A colour: one of the page's by name (`--accent`), or as it is. */
  function colorOf(color) {
    return color.startsWith("--") ? theme().of(color) : color;
  }

  /**
   * A chart. `curves`: `{name, color, width, points}` each; `label`: what is measured; `onZoom(from, to)`: asks for the
   * points of a range, or of all with nulls; `log`: a logarithmic axis.
   */
  function make({ label, curves, onZoom = null, log = false }) {
    const title = h("h3", {}, label);
    const box = h("div", {
      class: "plot",
      role: "img",
      tabindex: 0,
      "aria-label": label,
    });
    const readout = h("output", { class: "readout small", "aria-live": "off" });
    const element = h(
      "figure",
      { class: "card chart" },
      h("figcaption", {}, title, readout),
      box,
    );
    const own = { element, set, redraw, destroy, setCurves, setLog, setLabel };
    let data = [[]];
    let plot = null;
    let zoomed = false;
    let said = "";

    function set(next) {
      data = next;
      summarise();
      if (plot === null) return build(); // a table is made anew
      // a reader who has zoomed keeps the range
      plot.setData(data, !zoomed);
      if (zoomed) plot.redraw();
    }

    /** Other curves with their data; the same ones keep the drawing and the zoom. */
    function setCurves(next, values) {
      const isSame = JSON.stringify(next) === JSON.stringify(curves);
      curves = next;
      if (isSame) return set(values);
      data = values;
      summarise();
      rebuild();
    }

    function setLabel(next) {
      label = next;
      say(title, label);
    }

    function setLog(next) {
      log = next;
      rebuild();
    }

    function rebuild() {
      plot?.destroy();
      plot = null;
      build();
    }

    function build() {
      const isEmpty = data[0].length === 0;
      const isTable = globalThis.uPlot === undefined && !isEmpty;
      // the parts of a picture are not read aloud, those of a table are
      box.setAttribute("role", isTable ? "group" : "img");
      if (isTable || isEmpty) {
        fill(
          box,
          isEmpty ? h("p", { class: "soft none" }, "No figures yet") : table(),
        );
        return;
      }
      fill(box);
      const { ink, grid } = theme();
      const axis = {
        stroke: ink,
        grid: { stroke: grid, width: 1 },
        ticks: { stroke: grid, width: 1, size: 4 },
        font: "12px system-ui, sans-serif",
      };
      plot = new globalThis.uPlot(
        {
          width: Math.max(120, box.clientWidth),
          height: HEIGHT,
          legend: { show: false },
          scales: {
            x: { time: false },
            y: { distr: log ? 3 : 1, range: log ? undefined : range },
          },
          axes: [
            {
              ...axis,
              size: 30,
              label: "step",
              labelSize: 16,
              labelGap: -2,
              labelFont: axis.font,
              values: (_, ticks) => ticks.map((t) => t % 1 ? "" : whole(t)),
            },
            {
              ...axis,
              size: 58,
              values: (_, ticks) =>
                ticks.map((t) => t === null ? "" : figure(t)),
            },
          ],
          cursor: {
            points: { size: 6 },
            drag: { x: true, y: false, setScale: onZoom === null },
          },
          series: [
            {},
            ...curves.map(({ name, color, width = 1.5, points }) => ({
              label: name,
              stroke: colorOf(color),
              width,
              spanGaps: true,
              points: { show: points ?? data[0].length < 40, size: 5 },
            })),
          ],
          hooks: {
            setCursor: [(u) => read(u.cursor.idx)],
            setSelect: [(u) => {
              if (onZoom === null || u.select.width < 6) return;
              const from = u.posToVal(u.select.left, "x");
              const to = u.posToVal(u.select.left + u.select.width, "x");
              u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
              zoom(from, to);
            }],
          },
        },
        data,
        box,
      );
      plot.over.addEventListener("dblclick", () => zoom(null, null));
    }

    function range(_, low, high) {
      if (low === null || high === null) return [0, 1];
      const pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
      return [low >= 0 && low - pad < 0 ? 0 : low - pad, high + pad];
    }

    function zoom(from, to) {
      if (onZoom === null) return;
      zoomed = from !== null;
      onZoom(from, to);
    }

    /** Shows the values at a point; without one the last of each curve. */
    function read(index) {
      const isChosen = index !== null && index !== undefined;
      const values = curves.map((_, i) =>
        isChosen
          ? data[i + 1]?.[index] ?? null
          : data[i + 1]?.findLast((v) => v !== null) ?? null
      );
      const step = isChosen ? `step ${whole(data[0][index])}:` : "";
      const texts = values.map((value) => value === null ? "–" : figure(value));
      const now = JSON.stringify([step, texts, curves]);
      if (now === said) return;
      said = now;
      const entry = ({ name, color }, i) =>
        isChosen && values[i] === null ? null : h(
          "span",
          { class: "entry" },
          curves.length > 1
            ? [
              h("span", {
                class: `swatch ${color.replace("--", "")}`,
                "aria-hidden": "true",
              }),
              `${name} `,
            ]
            : null,
          texts[i],
        );
      fill(
        readout,
        step === "" ? null : `${step} `,
        curves.slice(0, MOST_SHOWN).map(entry),
        curves.length > MOST_SHOWN
          ? ` and ${curves.length - MOST_SHOWN} more`
          : null,
      );
    }

    /** What a screen reader says of the picture. */
    function summarise() {
      const steps = data[0];
      const parts = curves.slice(0, 8).map(({ name }, i) => {
        const values = (data[i + 1] ?? []).filter((v) => v !== null);
        if (values.length === 0) return `${name}: no figures`;
        return `${name} from ${figure(values[0])} to ${
          figure(values[values.length - 1])
        }`;
      });
      box.setAttribute(
        "aria-label",
        steps.length === 0
          ? `${label}: no figures yet`
          : `${label}, steps ${whole(steps[0])} to ${
            whole(steps[steps.length - 1])
          }. ${parts.join("; ")}. Arrow keys read values.`,
      );
      read(plot?.cursor.idx);
    }

    /** Where there is no library to draw with. */
    function table() {
      const every = Math.max(1, Math.ceil(data[0].length / 40));
      const rows = data[0].map((_, i) => i).filter((i) => i % every === 0);
      return h(
        "div",
        { class: "table" },
        h(
          "table",
          {},
          h(
            "tr",
            {},
            h("th", {}, "step"),
            curves.map(({ name }) => h("th", {}, name)),
          ),
          rows.map((i) =>
            h(
              "tr",
              {},
              h("td", { class: "n" }, whole(data[0][i])),
              curves.map((_, c) =>
                h("td", { class: "n" }, figure(data[c + 1][i]))
              ),
            )
          ),
        ),
      );
    }

    box.addEventListener("keydown", (event) => {
      if (plot === null || data[0].length === 0) return;
      const most = data[0].length - 1;
      const at = plot.cursor.idx ?? most;
      const to = {
        ArrowLeft: at - 1,
        ArrowRight: at + 1,
        PageUp: at - Math.ceil(most / 10),
        PageDown: at + Math.ceil(most / 10),
        Home: 0,
        End: most,
      }[event.key];
      if (event.key === "Escape") zoom(null, null);
      if (to === undefined) return;
      event.preventDefault();
      readout.setAttribute("aria-live", "polite");
      const index = Math.min(most, Math.max(0, to));
      const left = plot.valToPos(data[0][index], "x");
      plot.setCursor({ left, top: HEIGHT / 3 });
    });

    function redraw() {
      if (box.isConnected) rebuild();
    }

    function destroy() {
      plot?.destroy();
      plot = null;
      drawn.delete(own);
      sizes.unobserve(box);
    }

    own.resize = () => {
      if (plot !== null && box.clientWidth > 0) {
        plot.setSize({ width: Math.max(120, box.clientWidth), height: HEIGHT });
      }
    };
    sizes.observe(box);
    drawn.add(own);
    box.chart = own;
    return own;
  }

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) target.chart?.resize();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const one of drawn) one.redraw();
  });

  /** Colours of many curves that differ on both grounds. */
  function hue(index) {
    return `--c${index % 10}`;
  }

  /** The slider of how much curves are smoothed, which the browser remembers; `changed()` is called as it moves. */
  function smoothing(changed) {
    const KEY = "denotune smoothing";
    const own = { weight: Number(localStorage.getItem(KEY) ?? 0.8) };
    const shown = h("output", { class: "small" }, own.weight.toFixed(2));
    const slider = h("input", {
      type: "range",
      min: 0,
      max: 0.99,
      step: 0.01,
      value: own.weight,
      oninput: ({ target }) => {
        own.weight = Number(target.value);
        localStorage.setItem(KEY, String(own.weight));
        say(shown, own.weight.toFixed(2));
        changed();
      },
    });
    own.elements = [h("label", {}, "smoothing ", slider), shown];
    return own;
  }

  return { make, hue, smoothing };
}
