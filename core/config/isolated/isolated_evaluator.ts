/**
 * An evaluator in a process of its plugin.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Evaluator, Wording } from "../../contracts/evaluator.ts";
import { type Callback, Carrier } from "./carrier.ts";
import { make, type Making } from "./making.ts";

/** An evaluator is awaited, and asks for the run's template meanwhile: it has a process of its own. */
export async function isolatedEvaluator(making: Making): Promise<Evaluator> {
  const carrier = new Carrier(making.shared.options);
  const { seat, described } = await make(making, carrier);
  return {
    asks: async (rows, wording) =>
      await carrier.ask(
        { type: "call", seat, method: "asks", calls: [[rows, wording.stops]] },
        wordingCallback(wording),
      ) as Awaited<ReturnType<Evaluator["asks"]>>,
    score: async ({ rows, answers, scores }) =>
      await carrier.ask({
        type: "call",
        seat,
        method: "score",
        calls: [[{ rows, answers, scores }]],
      }) as Awaited<ReturnType<Evaluator["score"]>>,
    ...described.methods.includes("rewards")
      ? {
        rewards: async (answers) =>
          await carrier.ask({
            type: "call",
            seat,
            method: "rewards",
            calls: [[answers]],
          }) as readonly number[],
      }
      : {},
  };
}

function wordingCallback(wording: Wording): Callback {
  return (method, [prompt]) => {
    if (method === "request") return wording.request(String(prompt));
    if (method === "written") {
      return wording.written(prompt as Parameters<Wording["written"]>[0]);
    }
    throw new PluginError(`there is no \`${method}\` of a wording`);
  };
}
