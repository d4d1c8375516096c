/**
 * Adafactor (arXiv:1804.04235), by the rule of transformers: of a matrix the mean squares of its rows and columns are
 * kept, a few numbers instead of two states of its size. Tensors of one dimension keep their squares.
 *
 * ```text
 * b2  = 1 - t^-decay_rate
 * row = b2 row + (1 - b2) mean over columns (g^2 + eps)      col = the same over rows
 * u   = g / sqrt(row / mean(row)) / sqrt(col)
 * u   = u / max(1, rms(u) / clip_threshold)
 * p  := p (1 - lr decay) - lr u
 * ```
 *
 * With `scale_parameter` lr is multiplied by rms(p), at least `min_scale`.
 * @module
 */
import {
  columnSum,
  definePart,
  input,
  type Optimizer,
  type Part,
  reduce,
  rows,
  spaceOf,
  sum,
  type TensorUpdate,
  type TensorUpdateInputs,
  type TrainedTensor,
  value,
  write,
} from "@denotune/denotune/core";
import { z } from "zod";
import { decayNormAndBias, decayRule, weightDecay } from "./_decay.ts";

/** Options of {@linkcode adafactor}. */
export interface AdafactorOptions {
  /** Step size at factor 1 of the schedule. */
  readonly learning_rate: number;
  /** How fast the moving averages of the squares become long: b2 = 1 - step^-decay_rate. */
  readonly decay_rate: number;
  /** Added to squares of the gradient. */
  readonly eps: number;
  /** Largest root mean square of a step, before the learning rate. */
  readonly clip_threshold: number;
  /** Whether the learning rate is relative to the size of a tensor. */
  readonly scale_parameter: boolean;
  /** Least size that it is relative to. */
  readonly min_scale: number;
  /** Share of a weight that a step takes away, times the learning rate. */
  readonly weight_decay: number;
  /** Whether norms and biases decay too. */
  readonly decay_norm_and_bias: boolean;
}

const options: z.ZodType<AdafactorOptions, Partial<AdafactorOptions>> = z
  .strictObject({
    learning_rate: z.number().min(0).default(1e-3).describe(
      "Step size at factor 1 of the schedule",
    ),
    decay_rate: z.number().positive().max(1).default(0.8).describe(
      "How fast the moving averages of squares become long: 1 - step^-decay_rate stays of them",
    ),
    eps: z.number().positive().default(1e-30).describe(
      "Added to squares of the gradient",
    ),
    clip_threshold: z.number().positive().default(1).describe(
      "Largest root mean square of a step, before the learning rate",
    ),
    scale_parameter: z.boolean().default(false).describe(
      "Multiply the learning rate by the root mean square of each tensor",
    ),
    min_scale: z.number().positive().default(1e-3).describe(
      "Least root mean square that scale_parameter takes",
    ),
    weight_decay: weightDecay,
    decay_norm_and_bias: decayNormAndBias,
  });

type UpdateOf = (inputs: TensorUpdateInputs) => {
  readonly scaled: ReturnType<TensorUpdateInputs["map"]>;
  readonly states: Readonly<
    Record<string, ReturnType<TensorUpdateInputs["map"]>>
  >;
};

/** The gradient of a matrix over the roots of what rows and columns say of its squares. */
function factored([R, C]: readonly number[], eps: number): UpdateOf {
  return ({ graph, gradient, states, map }) => {
    const square = input(0).mul(input(0)).add(eps);
    const [ofRow] = rows(graph, [gradient], spaceOf(gradient), {
      inputs: ["matrix"],
      stages: [
        reduce("sum", "total", square),
        write(0, value("total").mul(1 / C)),
      ],
      outputs: ["column"],
    });
    const ofColumn = columnSum(graph, [gradient], ["matrix"], square);
    const row = map(
      [states.row, ofRow],
      ([s, now], { scalars: { kept } }) =>
        s.mul(kept).add(now.mul(kept.neg().add(1))),
    );
    const column = map(
      [states.column, ofColumn],
      ([s, now], { scalars: { kept } }) =>
        s.mul(kept).add(now.mul(1 / R).mul(kept.neg().add(1))),
    );
    const total = sum(graph, row, input(0));
    const [scaled] = rows(
      graph,
      [gradient, row, column, total],
      spaceOf(gradient),
      {
        inputs: ["matrix", "column", "row", "scalars"],
        stages: [
          write(
            0,
            input(0).mul(input(1).div(input(3, 0).mul(1 / R)).rsqrt())
              .mul(input(2).rsqrt()),
          ),
        ],
        outputs: ["matrix"],
      },
    );
    return { scaled, states: { row, column } };
  };
}

/** The gradient over the root of the moving average of its squares. */
function whole(eps: number): UpdateOf {
  return ({ gradient, states, map }) => {
    const squares = map(
      [states.squares, gradient],
      ([s, g], { scalars: { kept } }) =>
        s.mul(kept).add(g.mul(g).add(eps).mul(kept.neg().add(1))),
    );
    const scaled = map([gradient, squares], ([g, s]) => g.mul(s.rsqrt()));
    return { scaled, states: { squares } };
  };
}

function updateOf(o: AdafactorOptions, { shape }: TrainedTensor): TensorUpdate {
  const elements = shape.reduce((a, b) => a * b, 1);
  const isMatrix = shape.length === 2;
  const make = isMatrix ? factored(shape, o.eps) : whole(o.eps);
  return {
    states: isMatrix
      ? { row: { shape: [shape[0]] }, column: { shape: [shape[1]] } }
      : { squares: { shape } },
    update(inputs) {
      const { graph, parameter, map } = inputs;
      const { scaled, states } = make(inputs);
      const square = input(0).mul(input(0));
      const sums = [sum(graph, scaled, square), sum(graph, parameter, square)];
      const after = map(
        [parameter, scaled, ...sums],
        ([p, u, ofUpdate, ofParameter], { learningRate, weightDecay }) => {
          const rms = (total: typeof p) => total.mul(1 / elements).sqrt();
          const rate = o.scale_parameter
            ? learningRate.mul(rms(ofParameter).max(o.min_scale))
            : learningRate;
          const clipped = u.div(rms(ofUpdate).mul(1 / o.clip_threshold).max(1));
          return p.sub(rate.mul(weightDecay.mul(p).add(clipped)));
        },
      );
      return { parameter: after, states };
    },
  };
}

/** The update rule: every tensor has a graph of its own. */
export function adafactorRule(o: AdafactorOptions): Optimizer {
  return {
    learningRate: o.learning_rate,
    weightDecay: o.weight_decay,
    decays: decayRule(o.decay_norm_and_bias),
    slots: [],
    scalarNames: ["kept"],
    scalars: (step) => ({ kept: 1 - step ** -o.decay_rate }),
    tensorUpdate: (tensor) => updateOf(o, tensor),
    update: ({ parameter, gradient, learningRate }) => ({
      parameter: parameter.sub(learningRate.mul(gradient)),
      slots: {},
    }),
  };
}

/** The part `adafactor`. */
export const adafactor: Part<
  "optimizer",
  Partial<AdafactorOptions>,
  AdafactorOptions
> = definePart({
  kind: "optimizer",
  name: "adafactor",
  description: "Squares by row and column instead of states of a tensor's size",
  options,
  create: adafactorRule,
});
