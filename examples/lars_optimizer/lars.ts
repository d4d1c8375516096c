/** LARS (arXiv:1708.03888): a matrix moves by a share of its own size, whatever the size of its gradient. @module */
import {
  definePart,
  definePlugin,
  input,
  type Optimizer,
  sum,
  type TensorUpdate,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  learning_rate: z.number().min(0).default(1).describe("Step size"),
  weight_decay: z.number().min(0).default(0).describe("Decay of weights"),
  momentum: z.number().min(0).lt(1).default(0.9).describe("Share that stays"),
  trust: z.number().positive().default(1e-3).describe(
    "Length of a step as a share of a tensor's, at learning rate 1",
  ),
});
type Options = z.output<typeof options>;

function larsUpdate(shape: readonly number[], o: Options): TensorUpdate {
  return {
    states: { momentum: { shape } },
    update({ graph, parameter, gradient, states, map }) {
      const square = input(0).mul(input(0));
      const sizes = [
        sum(graph, parameter, square),
        sum(graph, gradient, square),
      ];
      const momentum = map(
        [states.momentum, gradient, parameter, ...sizes],
        ([m, g, p, pp, gg], { weightDecay }) => {
          const [size, slope] = [pp.sqrt(), gg.sqrt()];
          const ratio = size.mul(o.trust)
            .div(slope.add(weightDecay.mul(size)).add(1e-8));
          // a tensor of zeros has no size to go by
          const trust = size.mul(slope).select(ratio, 1);
          return m.mul(o.momentum).add(g.add(weightDecay.mul(p)).mul(trust));
        },
      );
      const after = map(
        [parameter, momentum],
        ([p, m], { learningRate }) => p.sub(learningRate.mul(m)),
      );
      return { parameter: after, states: { momentum } };
    },
  };
}

const lars = definePart({
  kind: "optimizer",
  name: "lars",
  description: "Steps of a length that fits each tensor",
  options,
  create: (o): Optimizer => ({
    learningRate: o.learning_rate,
    weightDecay: o.weight_decay,
    decays: () => true,
    slots: [],
    scalarNames: [],
    scalars: () => ({}),
    tensorUpdate: ({ shape }) => larsUpdate(shape, o),
    // no tensor is left to it
    update: ({ parameter, gradient, learningRate }) => ({
      parameter: parameter.sub(learningRate.mul(gradient)),
      slots: {},
    }),
  }),
});

export default definePlugin({ name: "lars", api: 1, parts: [lars] });
