/**
 * The batch of the last logged step, token by token: coloured by loss, by weight or by role, with the rows of the data
 * that it was made of.
 * @module
 */

/** Shows batches. */
export function batchView(app) {
  const { h, fill, say, visible } = app.elements;
  const { figure, whole } = app.numbers;
  const ROLES = ["system", "user", "assistant", "tool"];
  /** Upper ends of the classes of losses but the last: 0.69 is a choice of two, 2.3 of ten. */
  const LOSSES = [0.1, 0.69, 1.6, 3, 5];
  const LEGENDS = {
    loss: [
      ["l0", "below 0.1"],
      ["l1", "to 0.69"],
      ["l2", "to 1.6"],
      ["l3", "to 3"],
      ["l4", "to 5"],
      ["l5", "above 5"],
      ["", "not trained"],
    ],
    weight: [
      ["w1", "weight 1: trained"],
      ["w2", "another weight"],
      ["", "weight 0: only read"],
    ],
    role: [...ROLES.map((role) => [`r-${role}`, role]), ["", "template"]],
  };

  function classOf(row, t, mode) {
    if (mode === "weight") {
      const weight = row.weights[t];
      return weight === 1 ? "w1" : weight === 0 ? "" : "w2";
    }
    if (mode === "role") {
      return ROLES.includes(row.roles[t]) ? `r-${row.roles[t]}` : "";
    }
    const loss = row.losses[t];
    if (loss === null || loss === undefined) return "";
    const at = LOSSES.findIndex((end) => loss < end);
    return `l${at < 0 ? LOSSES.length : at}`;
  }

  /** A token as it is shown: space around it must be seen. */
  function shown(text) {
    return visible(text).replaceAll("\n", "↵\n").replaceAll("\t", "⇥") || "·";
  }

  function described(row, t) {
    const loss = row.losses[t];
    return [
      `token ${t}`,
      `id ${row.ids[t]}`,
      JSON.stringify(visible(row.texts[t])),
      row.roles[t] === null ? null : visible(row.roles[t]),
      `weight ${figure(row.weights[t])}`,
      loss === null
        ? null
        : `loss ${figure(loss)} (probability ${figure(Math.exp(-loss))})`,
    ].filter((part) => part !== null).join(" · ");
  }

  /** A section that shows a batch; `set(batch)` draws it. */
  function make() {
    let batch = null;
    let mode = "loss";
    const facts = h("p", { class: "soft small" });
    const legend = h("p", { class: "legend small" });
    const detail = h("output", {
      class: "detail small card",
      "aria-live": "polite",
    }, "Point at a token, or go through a row with the arrow keys");
    const rows = h("div");
    const choice = h(
      "fieldset",
      { class: "choice small" },
      h("legend", { class: "hidden" }, "Colour by"),
      "colour by ",
      Object.keys(LEGENDS).map((name) =>
        h(
          "label",
          {},
          h("input", {
            type: "radio",
            name: "colour",
            checked: name === mode,
            onchange: () => {
              mode = name;
              draw();
            },
          }),
          ` ${name}`,
        )
      ),
    );
    const frozen = h("input", {
      type: "checkbox",
      onchange: ({ target }) =>
        !target.checked && element.dispatchEvent(
          new CustomEvent("wanted"),
        ),
    });
    const bar = h(
      "div",
      { class: "bar" },
      choice,
      h("label", { class: "small" }, frozen, " hold this batch"),
    );
    const element = h(
      "section",
      { "aria-labelledby": "batch" },
      h("h2", { id: "batch" }, "Batch, token by token"),
      facts,
      bar,
      legend,
      rows,
      detail,
    );

    function set(next) {
      if (frozen.checked && batch !== null) return;
      batch = next;
      draw();
    }

    function draw() {
      const isThere = batch !== null && batch.rows.length > 0;
      bar.hidden = legend.hidden = detail.hidden = !isThere;
      if (!isThere) {
        say(facts, "No batch yet: the first logged step writes one.");
        fill(rows);
        return;
      }
      const left = batch.batch_rows - batch.rows.length;
      say(
        facts,
        `Step ${whole(batch.step)}${
          batch.micro_batches > 1
            ? `, micro-batch ${batch.micro_batch} of ${batch.micro_batches}`
            : ""
        }: ${whole(batch.batch_rows)} rows of ${
          whole(batch.batch_tokens)
        } tokens${left > 0 ? `, ${left} rows not shown` : ""}`,
      );
      const hasLosses = batch.rows.some(({ losses }) =>
        losses.some((loss) => loss !== null)
      );
      fill(
        legend,
        LEGENDS[mode].map(([name, label]) =>
          h("span", { class: `k ${name}` }, label)
        ),
        mode === "loss" && !hasLosses
          ? " This objective has a loss of its own, which is not one of tokens."
          : null,
      );
      fill(rows, batch.rows.map(drawRow));
    }

    function drawRow(row, index) {
      const tokens = [];
      let padding = 0;
      let segment = null;
      row.ids.forEach((_, t) => {
        if (row.segments[t] === 0) {
          padding++;
          return;
        }
        if (segment !== null && row.segments[t] !== segment) {
          tokens.push(
            h("span", { class: "border", "aria-hidden": "true" }, "‖"),
          );
        }
        segment = row.segments[t];
        const made = h(
          "span",
          { class: `tok ${classOf(row, t, mode)}` },
          shown(row.texts[t]),
        );
        made.at = t;
        tokens.push(made);
      });
      const of = row.examples.map(({ where, source }) =>
        visible((where || source).split("/").slice(-2).join("/"))
      ).filter((text) => text !== "");
      const losses = row.losses.filter((loss) => loss !== null);
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      const text = h("div", {
        class: "tokens",
        tabindex: 0,
        role: "group",
        "aria-label": `tokens of row ${index + 1}`,
      }, tokens);
      const point = (token) => {
        element.querySelector(".tok.at")?.classList.remove("at");
        if (token === null) return;
        token.classList.add("at");
        say(detail, described(row, token.at));
      };
      text.addEventListener(
        "pointerover",
        ({ target }) => point(target.closest(".tok")),
      );
      text.addEventListener(
        "click",
        ({ target }) => point(target.closest(".tok")),
      );
      text.addEventListener("keydown", (event) => {
        const all = [...text.querySelectorAll(".tok")];
        const now = all.findIndex((one) => one.classList.contains("at"));
        const to = {
          ArrowRight: now + 1,
          ArrowLeft: now < 0 ? 0 : now - 1,
          Home: 0,
          End: all.length - 1,
        }[event.key];
        if (to === undefined || all[to] === undefined) return;
        event.preventDefault();
        point(all[to]);
      });
      return h(
        "div",
        { class: "card row" },
        h(
          "p",
          { class: "small" },
          h("b", {}, `Row ${index + 1}`),
          of.length === 0
            ? null
            : ` from ${of.slice(0, 4).join(", ")}${
              of.length > 4 ? ` and ${of.length - 4} more` : ""
            }`,
          losses.length === 0
            ? null
            : h("span", { class: "soft" }, ` · mean loss ${figure(mean)}`),
        ),
        text,
        padding === 0
          ? null
          : h("p", { class: "soft small" }, `and ${whole(padding)} of padding`),
      );
    }

    draw();
    return { element, set };
  }

  return { make };
}
