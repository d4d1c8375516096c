/**
 * Muon (Keller Jordan, 2024; at scale arXiv:2502.16982), by the rule of `torch.optim.Muon`: a matrix moves by its
 * momentum made orthogonal. Embeddings, the head and everything of one dimension are left to another optimizer.
 *
 * ```text
 * m := mu m + (1 - mu) g
 * u  = mu m + (1 - mu) g with nesterov, else m          x = u / |u|
 * x := a x + (b x x^T + c (x x^T)^2) x                  five times: Newton-Schulz, singular values near 1
 * p := p (1 - lr decay) - lr scale x
 * ```
 *
 * PyTorch rounds the products to bfloat16; here they are float32.
 * @module
 */
import {
  type Choice,
  ConfigError,
  definePart,
  type Expr,
  input,
  matmul,
  type Optimizer,
  type Part,
  sum,
  type TensorUpdate,
  type TrainedTensor,
} from "@denotune/denotune/core";
import { z } from "zod";
import { beta } from "./_decay.ts";

/** How the step of a matrix depends on its sizes. */
export type MuonScale = "original" | "match_rms_adamw";

/** Options of {@linkcode muon}. */
export interface MuonOptions {
  /** Step size of matrices at factor 1 of the schedule. */
  readonly learning_rate: number;
  /** Share of a matrix that a step takes away, times the learning rate. */
  readonly weight_decay: number;
  /** Share of the momentum that stays at each step. */
  readonly momentum: number;
  /** Whether the step looks ahead along the momentum. */
  readonly nesterov: boolean;
  /** Newton-Schulz steps. */
  readonly ns_steps: number;
  /** Scale of a step by the sizes of a matrix. */
  readonly adjust_lr: MuonScale;
  /** Matrices whose name has one of these parts are left to `rest`. */
  readonly except: readonly string[];
  /** The optimizer of everything else. */
  readonly rest: Choice;
}

const options: z.ZodType<MuonOptions, Partial<MuonOptions>> = z.strictObject({
  learning_rate: z.number().positive().default(1e-3).describe(
    "Step size of matrices at factor 1 of the schedule; that of everything else is an option of rest",
  ),
  weight_decay: z.number().min(0).default(0.1).describe(
    "Decay of the matrices; 0: none",
  ),
  momentum: beta.default(0.95).describe(
    "Share of the momentum that stays at each step",
  ),
  nesterov: z.boolean().default(true).describe(
    "Look ahead along the momentum",
  ),
  ns_steps: z.int().min(1).max(20).default(5).describe(
    "Newton-Schulz steps, which make the momentum orthogonal",
  ),
  adjust_lr: z.enum(["original", "match_rms_adamw"]).default("original")
    .describe(
      "original: larger steps for matrices with more rows than columns; match_rms_adamw: steps as large as AdamW's, so that its learning rate and decay fit",
    ),
  except: z.array(z.string().min(1)).readonly().default([
    "embed",
    "wte",
    "wpe",
    "lm_head",
  ]).describe("Matrices whose name has one of these parts are left to rest"),
  rest: z.union([z.string(), z.looseObject({ use: z.string() })])
    .default("adamw").describe(
      "The optimizer of embeddings, the head, norms and biases, with its options",
    ),
});

/** Coefficients of a Newton-Schulz step: x := A x + (B x x^T + C (x x^T)^2) x. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
/** Least norm that a momentum is divided by. */
const LEAST_NORM = 1e-7;

function scaleOf(scale: MuonScale, [rows, columns]: readonly number[]): number {
  return scale === "original"
    ? Math.sqrt(Math.max(1, rows / columns))
    : 0.2 * Math.sqrt(Math.max(rows, columns));
}

/** The graph of a matrix. */
function matrixUpdate(
  shape: readonly number[], // (rows, columns)
  o: MuonOptions,
): TensorUpdate {
  const isTall = shape[0] > shape[1]; // the smaller of x^T x and x x^T is multiplied
  const scale = scaleOf(o.adjust_lr, shape);
  const mix = ([m, g]: readonly Expr[]) =>
    m.mul(o.momentum).add(g.mul(1 - o.momentum));
  return {
    states: { momentum: { shape } },
    update({ graph, parameter, gradient, states, map }) {
      const momentum = map([states.momentum, gradient], mix);
      const u = o.nesterov ? map([momentum, gradient], mix) : momentum;
      const squares = sum(graph, u, input(0).mul(input(0)));
      let x = map(
        [u, squares],
        ([e, s]) => e.div(s.sqrt().max(LEAST_NORM)),
      );
      for (let step = 0; step < o.ns_steps; step++) {
        const gram = matmul(graph, x, x, { layout: isTall ? "TN" : "NT" });
        const square = matmul(graph, gram, gram, { layout: "NN" });
        const p = map([gram, square], ([g, gg]) => g.mul(B).add(gg.mul(C)));
        const [left, right] = isTall ? [x, p] : [p, x];
        const product = matmul(graph, left, right, { layout: "NN" });
        x = map([x, product], ([e, y]) => e.mul(A).add(y));
      }
      const after = map(
        [parameter, x],
        ([p, e], { learningRate, weightDecay }) =>
          p.sub(
            learningRate.mul(
              weightDecay.mul(o.weight_decay).mul(p).add(e.mul(scale)),
            ),
          ),
      );
      return { parameter: after, states: { momentum } };
    },
  };
}

/** A tensor's graph of `rest`, with its own decay. */
function withDecay(of: TensorUpdate, decay: number): TensorUpdate {
  return {
    states: of.states,
    update: ({ map, ...inputs }) =>
      of.update({
        ...inputs,
        map: (tensors, f) =>
          map(tensors, (elements, numbers) =>
            f(elements, {
              ...numbers,
              weightDecay: numbers.weightDecay.mul(decay),
            })),
      }),
  };
}

/** Muon for matrices beside the optimizer of everything else. Throws `ConfigError` for one that keeps an average. */
export function muonWith(rest: Optimizer, o: MuonOptions): Optimizer {
  if (rest.average !== undefined) {
    throw new ConfigError(
      "optimizer.rest of `muon` keeps an average of its own tensors alone: put `ema` around `muon` (use: ema, of: { use: muon })",
    );
  }
  const isOwn = ({ name, shape }: TrainedTensor) =>
    shape.length === 2 && !o.except.some((part) => name.includes(part));
  return {
    ...rest,
    learningRate: o.learning_rate,
    learningRateFactor: (tensor) =>
      isOwn(tensor) ? 1 : rest.learningRate / o.learning_rate *
        (rest.learningRateFactor?.(tensor) ?? 1),
    // each of the two multiplies by its own decay
    weightDecay: 1,
    decays: (tensor) => isOwn(tensor) || rest.decays(tensor),
    tensorUpdate(tensor) {
      if (isOwn(tensor)) return matrixUpdate(tensor.shape, o);
      const of = rest.tensorUpdate?.(tensor) ?? null;
      return of === null ? null : withDecay(of, rest.weightDecay);
    },
    update: (inputs) =>
      rest.update({
        ...inputs,
        weightDecay: inputs.weightDecay.mul(rest.weightDecay),
      }),
  };
}

/** The part `muon`. */
export const muon: Part<"optimizer", Partial<MuonOptions>, MuonOptions> =
  definePart({
    kind: "optimizer",
    name: "muon",
    description:
      "Orthogonal steps for matrices (one state instead of two), another optimizer for the rest",
    options,
    create: async (o, host) =>
      muonWith(await host.create("optimizer", o.rest), o),
  });
