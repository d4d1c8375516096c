/**
 * Which charts a run has, and what each draws.
 * @module
 */

/** The charts of runs. */
export function runCharts(app) {
  const { visible } = app.elements;
  const EVALUATION = {
    name: "evaluation",
    color: "--c1",
    width: 1.5,
    points: true,
  };

  /** Charts of every run, those without figures left out. */
  function of(columns) {
    const has = (name) => columns.includes(name);
    const sources = columns.filter((name) => name.startsWith("source_losses."));
    const metrics = columns.filter((name) => name.startsWith("metrics."));
    const one = (name, label) =>
      has(name)
        ? [{
          label,
          curves: [{ column: name, name: label, color: "--accent" }],
        }]
        : [];
    return [
      {
        label: "Loss",
        isMain: true,
        curves: [
          {
            column: "loss",
            name: "each log line",
            color: "--accent-soft",
            width: 1,
          },
          { column: "loss~", name: "smoothed", color: "--accent", width: 2 },
        ],
      },
      ...one("learning_rate", "Learning rate"),
      ...one("grad_norm", "Gradient norm"),
      ...one("tokens_per_second", "Tokens a second"),
      ...one("token_accuracy", "Token accuracy"),
      ...sources.length > 0
        ? [{
          label: "Loss by source",
          curves: sources.map((column, i) => ({
            column: `${column}~`,
            name: visible(column.slice("source_losses.".length)),
            color: app.chart.hue(i),
          })),
        }]
        : [],
      ...metrics.map((column) => ({
        label: visible(column.slice("metrics.".length)),
        curves: [{ column, name: column, color: "--accent" }],
      })),
    ];
  }

  /** What a chart draws: in that of the loss, evaluations too, at their own steps. */
  function drawn({ isMain, data, from, to }, entries) {
    if (isMain !== true) return data;
    const evaluated = new Map(
      entries.filter(({ event, step, fields }) =>
        event === "eval" && typeof fields.eval_loss === "number" &&
        Math.abs(fields.eval_loss) < 1e15 &&
        step >= (from ?? 0) && step <= (to ?? Infinity)
      ).map(({ step, fields }) => [step, fields.eval_loss]),
    );
    const steps = [...new Set([...data[0], ...evaluated.keys()])]
      .sort((a, b) => a - b);
    const at = new Map(data[0].map((step, i) => [step, i]));
    return [
      steps,
      ...data.slice(1).map((column) =>
        steps.map((step) => column[at.get(step)] ?? null)
      ),
      steps.map((step) => evaluated.get(step) ?? null),
    ];
  }

  return { of, drawn, EVALUATION };
}
