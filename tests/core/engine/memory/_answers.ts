/** Engines with a LoRA that answer, and what they answer. */
import type { Engine } from "../../../../core/engine/engine.ts";
import { type Device, randomFrom } from "../../../../core/mod.ts";
import { loraAdapter } from "../../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../../plugins/adapters/_options.ts";
import {
  attachTo,
  openAdapted,
  type OpenOptions,
} from "../../../conformance/adapter/run.ts";

/** The base with a LoRA whose numbers are all other than zero. */
export async function openAnswering(
  device: Device,
  base: Parameters<typeof attachTo>[0],
  options: Partial<OpenOptions> = {},
): Promise<Engine> {
  const adapter = attachTo(base, loraAdapter(loraOptions.parse({ r: 2 })));
  const engine = await openAdapted(device, base, {
    adapter,
    generate: { rows: 3, capacity: 16, prefill: 8, logits: true },
    B: 2,
    T: 8,
    ...options,
  });
  const random = randomFrom(31);
  for (const { name, shape } of adapter.parameters) {
    const length = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length }, () => 0.3 * random.normal());
    engine.session.write(name, data);
  }
  return engine;
}

/** What the rows become, and the log-probability of each token of prompts and answers. */
export async function answers(engine: Engine) {
  const found = await Promise.all([[3, 7, 1, 9], [5, 2], [8, 1, 4]].map(
    async (prompt, key) => {
      const scores: number[] = [];
      const row = await engine.generator!.submit({
        prompt: Int32Array.from(prompt),
        maxNewTokens: 6,
        key,
        top: 1,
        scoresPrompt: true,
        onToken(_, score) {
          scores.push(score!.logProbability);
          return false;
        },
        sampling: {
          temperature: 0,
          topK: null,
          topP: 1,
          repetitionPenalty: 1,
          seed: 1,
        },
      });
      const ofPrompt = row.prompt!.map(({ logProbability }) => logProbability);
      return { ids: row.ids, scores: [...ofPrompt, ...scores] };
    },
  ));
  return {
    ids: found.map(({ ids }) => ids),
    scores: found.flatMap(({ scores }) => scores),
  };
}
