/** Muon, by the rule of `torch.optim.Muon`: matrices move by their momentum made orthogonal. @module */
import {
  definePart,
  definePlugin,
  type Expr,
  input,
  matmul,
  type Optimizer,
  sum,
  type TensorUpdate,
  type TrainedTensor,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  learning_rate: z.number().min(0).default(1e-3).describe("Step size"),
  weight_decay: z.number().min(0).default(0.1).describe("Decay of weights"),
  momentum: z.number().min(0).lt(1).default(0.95).describe("Share that stays"),
  except: z.array(z.string()).default(["embed", "wte", "wpe", "lm_head"])
    .describe("Matrices whose name has one of these are left to `rest`"),
  rest: z.union([z.string(), z.looseObject({ use: z.string() })])
    .default("adamw").describe("The optimizer of everything else"),
});
const [A, B, C, STEPS] = [3.4445, -4.775, 2.0315, 5];

function muonUpdate(shape: readonly number[], mu: number): TensorUpdate {
  const [rows, columns] = shape;
  const tall = rows > columns; // the smaller of x^T x and x x^T is multiplied
  return {
    states: { momentum: { shape } },
    update({ graph, parameter, gradient, states, map }) {
      const mix = ([m, g]: readonly Expr[]) => m.mul(mu).add(g.mul(1 - mu));
      const momentum = map([states.momentum, gradient], mix);
      const u = map([momentum, gradient], mix);
      const squares = sum(graph, u, input(0).mul(input(0)));
      let x = map([u, squares], ([e, s]) => e.div(s.sqrt().max(1e-7)));
      for (let step = 0; step < STEPS; step++) {
        const gram = matmul(graph, x, x, { layout: tall ? "TN" : "NT" });
        const square = matmul(graph, gram, gram, { layout: "NN" });
        const p = map([gram, square], ([g, gg]) => g.mul(B).add(gg.mul(C)));
        const [left, right] = tall ? [x, p] : [p, x];
        const product = matmul(graph, left, right, { layout: "NN" });
        x = map([x, product], ([e, y]) => e.mul(A).add(y));
      }
      const after = map([parameter, x], ([p, e], { learningRate, ...n }) => {
        const move = e.mul(Math.sqrt(Math.max(1, rows / columns)));
        return p.sub(learningRate.mul(n.weightDecay.mul(p).add(move)));
      });
      return { parameter: after, states: { momentum } };
    },
  };
}

const muon = definePart({
  kind: "optimizer",
  name: "muon",
  description: "Orthogonal steps for matrices, another optimizer for the rest",
  options,
  async create(o, host): Promise<Optimizer> {
    const rest = await host.create("optimizer", o.rest);
    const own = ({ name, shape }: TrainedTensor) =>
      shape.length === 2 && !o.except.some((part) => name.includes(part));
    return {
      ...rest,
      learningRate: o.learning_rate,
      weightDecay: o.weight_decay,
      learningRateFactor: (tensor) =>
        own(tensor) ? 1 : rest.learningRate / o.learning_rate,
      tensorUpdate: (tensor) =>
        own(tensor) ? muonUpdate(tensor.shape, o.momentum) : null,
    };
  },
});

export default definePlugin({ name: "muon", api: 1, parts: [muon] });
