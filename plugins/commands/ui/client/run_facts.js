/**
 * What a run has said besides figures of steps: samples, evaluations, data, memory, log; and its settings.
 * @module
 */

/** Shows them. */
export function runFacts(app) {
  const { h, fill, visible, shortened } = app.elements;
  const { figure, short, whole, duration, bytes } = app.numbers;
  const MOST_ROWS = 50;
  /** Answers to a prompt that are shown. */
  const MOST_ANSWERS = 12;

  /** A section with a heading, for what `body` returns; hidden where that is null. */
  function section(id, title, body) {
    const content = h("div");
    const element = h(
      "section",
      { "aria-labelledby": id },
      h("h2", { id }, title),
      content,
    );
    let drawn = "";
    return {
      element,
      id,
      title,
      draw(given) {
        // what is not new is left as it is: its focus and its scroll too
        const now = JSON.stringify(given);
        if (now === drawn) return;
        drawn = now;
        const made = body(given);
        element.hidden = made === null;
        if (made !== null) fill(content, made);
      },
    };
  }

  function scroller(label, content) {
    return h(
      "div",
      { class: "table card", tabindex: 0, role: "group", "aria-label": label },
      content,
    );
  }

  function table(label, heads, rows) {
    return scroller(
      label,
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heads.map((head, i) =>
              h("th", { class: i > 0 ? "n" : null }, head)
            ),
          ),
        ),
        h("tbody", {}, rows),
      ),
    );
  }

  /** Answers to each prompt, the latest first. */
  function samples(all) {
    const byPrompt = new Map();
    for (const { step, fields } of all) {
      const prompt = String(fields.prompt ?? "");
      if (!byPrompt.has(prompt)) byPrompt.set(prompt, []);
      byPrompt.get(prompt).unshift({ step, ...fields });
    }
    if (byPrompt.size === 0) {
      return h(
        "p",
        { class: "card none" },
        "No samples. Prompts in samples.prompts of the run file are answered while the run trains.",
      );
    }
    // prompts that were asked last come first
    const groups = [...byPrompt].sort(([, a], [, b]) => b[0].step - a[0].step);
    return groups.slice(0, 40).map(([prompt, answers]) => {
      const changes = grouped(answers);
      return h(
        "div",
        { class: "card sample" },
        h("h3", {}, shortened(prompt, 600)),
        h("dl", {}, changes.slice(0, MOST_ANSWERS).map(answer)),
        changes.length > MOST_ANSWERS
          ? h(
            "p",
            { class: "soft small" },
            `and ${whole(changes.length - MOST_ANSWERS)} earlier answers`,
          )
          : null,
      );
    });
  }

  /** Answers that follow each other and are the same, as one. */
  function grouped(answers) {
    const groups = [];
    for (const own of answers) {
      const last = groups.at(-1);
      if (last?.text === own.text) last.from = own.step;
      else groups.push({ ...own, from: own.step });
    }
    return groups;
  }

  function answer({ step, from, at, text, finish }) {
    const when = from !== step
      ? `steps ${whole(from)} to ${whole(step)}`
      : `step ${whole(step)}${at === "start" ? ", before training" : ""}`;
    return [
      h("dt", { class: "soft small" }, when),
      h(
        "dd",
        {},
        text === ""
          ? h("i", { class: "soft" }, "(nothing)")
          : shortened(String(text), 3000),
        finish === "length"
          ? h(
            "span",
            { class: "soft small" },
            " ... cut at generation.max_new_tokens",
          )
          : null,
      ),
    ];
  }

  function evaluations(all) {
    if (all.length === 0) return null;
    const names = [...new Set(all.flatMap(({ fields }) => Object.keys(fields)))]
      .filter((name) =>
        name.startsWith("eval_") &&
        all.some(({ fields }) => typeof fields[name] === "number")
      );
    const latest = all.slice(-MOST_ROWS).reverse();
    return table(
      "Evaluations",
      [
        "step",
        ...names.map((name) =>
          visible(name.slice("eval_".length).replaceAll("_", " "))
        ),
      ],
      latest.map(({ step, fields }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, whole(step)),
          names.map((name) => h("td", { class: "n" }, figure(fields[name]))),
        )
      ),
    );
  }

  /** Memory as planned, by use, against what there is and what the process has. */
  function memory({ plan, process }) {
    if (plan === undefined || typeof plan.total !== "number") return null;
    const parts = [
      "weights",
      "gradients",
      "optimizer",
      "activations",
      "cache",
      "inputs",
      "runtime",
    ]
      .filter((name) => plan[name] > 0);
    const most = Math.max(plan.total, process ?? 0);
    const line = (name, value, mark) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h(
          "td",
          { class: "bars" },
          h("progress", {
            max: most,
            value,
            class: mark,
            "aria-label": `${name}: ${bytes(value)}`,
          }),
        ),
        h("td", { class: "n" }, bytes(value)),
      );
    return [
      table("Memory", ["planned for", "share", "bytes"], [
        ...parts.map((name) => line(name, plan[name])),
        line("all of it, planned", plan.total),
        process === null ? null : line("the process, now", process, "now"),
      ]),
      h(
        "p",
        { class: "soft small" },
        `${bytes(plan.available)} may be used.`,
        process === null
          ? ""
          : " On a GPU, most of the plan is in the memory of the card, not of the process.",
      ),
    ];
  }

  function data({ start, report, canWrite }, act) {
    if (start === undefined) return null;
    const facts = [
      ["rows", start.rows === null ? "streamed" : whole(start.rows)],
      ["rows left out", whole(start.skipped_rows)],
      ["rows to evaluate", whole(start.eval_rows)],
      ["packs", whole(start.packs)],
      ["tokens an epoch", start.tokens === null ? "–" : short(start.tokens)],
      [
        "trained tokens an epoch",
        start.trained_tokens === null ? "–" : short(start.trained_tokens),
      ],
      ["steps an epoch", whole(start.steps_per_epoch)],
      ["epochs", whole(start.epochs)],
      ["template", visible(start.template ?? "–")],
      ["masker", visible(start.masker ?? "–")],
    ].filter(([, value]) => value !== "–" && value !== "0");
    const href = `data-report?name=${encodeURIComponent(start.run)}`;
    return [
      h(
        "dl",
        { class: "card facts" },
        facts.map(([name, value]) =>
          h("div", {}, h("dt", {}, name), h("dd", {}, value))
        ),
      ),
      h(
        "p",
        { class: "bar" },
        report?.isRunning
          ? h("span", { role: "status" }, "Reading every row ...")
          : report?.code === 0
          ? h(
            "a",
            { class: "button", href, target: "_blank", rel: "noopener" },
            "Open the data report",
          )
          : h(
            "button",
            { type: "button", disabled: !canWrite, onclick: act },
            "Check the quality of the data",
          ),
        h(
          "span",
          { class: "soft small" },
          "Duplicates, leakage, truncation, lengths: the report of analyze.",
        ),
      ),
      report !== null && !report.isRunning && report.code !== 0
        ? h(
          "pre",
          { class: "card bad" },
          shortened(report.output, 3000) || "It was ended.",
        )
        : null,
    ];
  }

  /** What was said, the latest first. */
  function log(all) {
    const rows = all.filter(({ event }) => event !== "sample").slice(-300)
      .reverse();
    if (rows.length === 0) {
      return h("p", { class: "card none" }, "Nothing yet.");
    }
    return scroller(
      "Log",
      h(
        "table",
        { class: "log" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["step", "time", "what"].map((head) => h("th", {}, head)),
          ),
        ),
        h(
          "tbody",
          {},
          rows.map(({ event, step, fields }) =>
            h(
              "tr",
              {
                class: fields.level === "warning" || fields.status === "failed"
                  ? "warned"
                  : null,
              },
              h("td", { class: "n" }, whole(step)),
              h(
                "td",
                { class: "n soft" },
                typeof fields.time === "number" ? duration(fields.time) : "",
              ),
              h("td", {}, sentence(event, fields)),
            )
          ),
        ),
      ),
    );
  }

  function sentence(event, fields) {
    const text = (value) => shortened(String(value ?? ""), 1500);
    switch (event) {
      case "start":
        return fields.resumed_at === null
          ? `started: ${text(fields.model)} on ${text(fields.device)}`
          : `resumed at step ${whole(fields.resumed_at)} on ${
            text(fields.device)
          }`;
      case "epoch":
        return `epoch over in ${duration(fields.seconds)}: loss ${
          figure(fields.epoch_loss)
        }`;
      case "eval":
        return `evaluated in ${duration(fields.eval_seconds)}: loss ${
          figure(fields.eval_loss)
        }`;
      case "save":
        return `saved ${text(fields.kind)}: ${text(fields.path)}`;
      case "notice":
        return `${fields.level === "warning" ? "warning: " : ""}${
          text(fields.message)
        }`;
      case "result":
        return `${text(fields.evaluator)}: ${
          text(fields.verdict?.reason ?? fields.path ?? "done")
        }`;
      case "end":
        return `${text(fields.status)} after ${duration(fields.seconds)}${
          fields.error === null ? "" : `: ${text(fields.error)}`
        }`;
      default:
        return visible(event);
    }
  }

  function settings(all) {
    return scroller(
      "Settings",
      h(
        "table",
        { class: "settings" },
        h(
          "tbody",
          {},
          all.map(([key, value]) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, h("code", {}, visible(key))),
              h("td", {}, visible(value)),
            )
          ),
        ),
      ),
    );
  }

  return { section, samples, evaluations, memory, data, log, settings };
}
