/**
 * Parts of plugins that build graphs and expressions: a result that is none would fail far from its part, so it is
 * checked here. Nothing is recognised by its class: a plugin may carry another copy of core.
 * @module
 */
import type { Activation } from "../../contracts/activation.ts";
import type { Adapter, AttachedAdapter } from "../../contracts/adapter.ts";
import { PluginError } from "../../contracts/errors.ts";
import type { Architecture, ModelSpec } from "../../contracts/model.ts";
import type { Objective } from "../../contracts/objective.ts";
import type { Optimizer } from "../../contracts/optimizer.ts";
import { show } from "../parse/problem.ts";
import { withMethods } from "./guard_part.ts";

/** The activation, with checks. `described`: the part and its plugin, in messages. */
export function checkedActivation(
  made: Activation,
  described: string,
): Activation {
  return withMethods(made, {
    apply: (x) =>
      checked(made.apply(x), {
        by: "apply",
        described,
        isRight: isExpr,
        expected: "an expression of x",
      }),
  });
}

/** The optimizer, with checks: expressions for the parameter and each slot, a number for each scalar. */
export function checkedOptimizer(
  made: Optimizer,
  described: string,
): Optimizer {
  return withMethods(made, {
    update(inputs) {
      const given = made.update(inputs);
      const of = {
        by: "update",
        described,
        isRight: isExpr,
        expected: "an expression",
      };
      if (!isObject(given) || !isObject(given.slots)) {
        throw new PluginError(
          `\`update\` of the ${described} gave ${
            show(given)
          }; expected {parameter, slots}`,
        );
      }
      checked(given.parameter, { ...of, as: "parameter" });
      for (const slot of made.slots) {
        checked(given.slots[slot], { ...of, as: `slots.${slot}` });
      }
      return given;
    },
    scalars(step) {
      const given = made.scalars(step);
      for (const name of made.scalarNames) {
        checked(isObject(given) ? given[name] : undefined, {
          by: "scalars",
          described,
          as: `${name} of step ${step}`,
          isRight: (value) =>
            typeof value === "number" && Number.isFinite(value),
          expected: "a finite number",
        });
      }
      return given;
    },
  });
}

/** The objective, with a check that it lays out anything: what is in it is checked where it is run. */
export function checkedObjective(
  made: Objective,
  described: string,
): Objective {
  return withMethods(made, {
    inputs: (batch, key) =>
      checked(made.inputs(batch, key), {
        by: "inputs",
        described,
        isRight: isObject,
        expected: "an object",
      }),
  });
}

/** The architecture, with checks of the hidden states that its models give. */
export function checkedModel(
  made: Architecture,
  described: string,
): Architecture {
  return withMethods(made, {
    describe(config) {
      const spec: ModelSpec = made.describe(config);
      return withMethods(spec, {
        forward: (builder) =>
          checked(spec.forward(builder), {
            by: "forward",
            described,
            isRight: isTensor,
            expected: "the hidden states, a tensor",
          }),
      });
    },
  });
}

/** The adapter, with checks of the outputs of its sites. */
export function checkedAdapter(made: Adapter, described: string): Adapter {
  const { configured } = made;
  return withMethods(made, {
    attach(model) {
      const attached: AttachedAdapter = made.attach(model);
      const of = {
        described,
        isRight: (value: unknown) => value === null || isTensor(value),
        expected: "a tensor or null",
      };
      const { embedding, initialise } = attached;
      const own = new Map(
        [...attached.parameters, ...attached.constants ?? [], ...model.weights]
          .map(({ name, shape }) => [name, shape.reduce((a, b) => a * b, 1)]),
      );
      return withMethods(attached, {
        linear(context) {
          const { name, out } = context.site;
          const given = attached.linear(context);
          return checked(given, {
            ...of,
            by: "linear",
            isRight: (value) =>
              value === null || (isTensor(value) && given?.shape[1] === out),
            expected: `a tensor (N, ${out}) for ${name}, or null`,
          });
        },
        ...(initialise === undefined ? {} : {
          initialise(read) {
            const values = initialise(read);
            for (const [name, numbers] of values) {
              checked(numbers, {
                described,
                by: "initialise",
                as: name,
                isRight: (value) =>
                  value instanceof Float32Array &&
                  value.length === (own.get(name) ?? value.length),
                expected: `a Float32Array of ${own.get(name)} numbers`,
              });
            }
            return values;
          },
        }),
        ...(embedding === undefined ? {} : {
          embedding: (context) =>
            checked(embedding(context), { ...of, by: "embedding" }),
        }),
      });
    },
    ...(configured === undefined ? {} : {
      configured(config, saved) {
        const own = configured(config, saved);
        return own === null ? null : checkedAdapter(own, described);
      },
    }),
  });
}

interface Checking {
  readonly described: string;
  /** The method that gave it. */
  readonly by: string;
  /** What it was given as; absent: it is the result itself. */
  readonly as?: string;
  isRight(value: unknown): boolean;
  readonly expected: string;
}

function checked<T>(
  value: T,
  { described, by, as, isRight, expected }: Checking,
): T {
  if (isRight(value)) return value;
  throw new PluginError(
    `\`${by}\` of the ${described} gave ${show(value)}${
      as === undefined ? "" : ` as \`${as}\``
    }; expected ${expected}`,
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Whether it wraps a node of an expression. */
function isExpr(value: unknown): boolean {
  return isObject(value) && isObject(value.node) &&
    typeof value.node.kind === "string";
}

function isTensor(value: unknown): boolean {
  return isObject(value) && Array.isArray(value.shape) &&
    typeof value.dtype === "string" && isObject(value.source);
}
