/**
 * The model as it was before training, on the engine that trains it: what is trained gets the values that it
 * started with while something is asked, and its own back afterwards, bit for bit.
 *
 * | what is trained       | its start                                                      |
 * | --------------------- | -------------------------------------------------------------- |
 * | an adapter            | as `Adapter.initialise` gives it: its update is zero           |
 * | weights of the base   | the model's files, or the random numbers of a new model        |
 * @module
 */
import type { Engine } from "../../engine/engine.ts";
import { writeAdapterStart, writeBaseWeights } from "../open/open_model.ts";
import type { OpenedModel } from "../open/opened_model.ts";

/** Runs `body` on the base. No step may be made meanwhile. The trained values are kept in host memory. */
export async function withBase<T>(
  { engine, model, seed }: {
    readonly engine: Engine;
    readonly model: OpenedModel;
    readonly seed: number;
  },
  body: () => Promise<T>,
): Promise<T> {
  const { session, planned } = engine;
  const { trainables, inventory } = planned;
  const arenas = (trainables?.groups ?? []).flatMap(({ arenas }) => arenas)
    .map(({ name }) => `parameters:${name}`);
  const trained = new Map<string, Float32Array>();
  for (const name of arenas) trained.set(name, await session.read(name));
  try {
    const ofBase = inventory.weights.filter(({ name }) =>
      trainables?.names.has(name) === true
    );
    if (ofBase.length > 0) {
      await writeBaseWeights(model, ofBase, { session, seed });
    }
    writeAdapterStart(model, { planned, session, seed });
    return await body();
  } finally {
    for (const [name, values] of trained) session.write(name, values);
    await session.idle();
  }
}
