/**
 * The ranks of a run: what rank 0 finds is passed to the others, and what they all must agree on is compared. Rank 0
 * writes and reports; the others compute.
 * @module
 */
import type { Collective } from "../../contracts/collective.ts";
import { ConfigError, PluginError } from "../../contracts/errors.ts";
import type { Json } from "../../contracts/json.ts";

/** The ranks of a run, as one of them sees them. */
export class Ranks {
  readonly collective: Collective;

  constructor(collective: Collective) {
    this.collective = collective;
  }

  /** Whether there are several. */
  get areSeveral(): boolean {
    return this.collective.world > 1;
  }

  /** Whether this one writes and reports. */
  get isFirst(): boolean {
    return this.collective.rank === 0;
  }

  /** What rank 0 makes, on all ranks: a value that JSON can hold. With one rank, the value itself. */
  async fromFirst<T>(make: () => T | Promise<T>): Promise<T> {
    if (!this.areSeveral) return await make();
    const made = this.isFirst ? await make() : undefined;
    const text = await this.#textOf(0, JSON.stringify(made ?? null));
    // what was written above, by the same code
    return this.isFirst ? made as T : readSent(text, 0) as T;
  }

  /** The values of all ranks, by rank. */
  async ofAll(value: Json): Promise<Json[]> {
    const all: Json[] = [];
    const own = JSON.stringify(value);
    for (let root = 0; root < this.collective.world; root++) {
      all.push(readSent(await this.#textOf(root, own), root));
    }
    return all;
  }

  /** The text of one rank, on all: a byte in each number, which every collective passes on unchanged. */
  async #textOf(root: number, own: string): Promise<string> {
    const { collective } = this;
    const bytes = new TextEncoder().encode(own);
    const length = Float32Array.of(bytes.length >>> 16, bytes.length & 0xffff);
    await collective.broadcast(length, root);
    const sent = new Float32Array(length[0] * 0x10000 + length[1]);
    if (collective.rank === root) sent.set(bytes);
    await collective.broadcast(sent, root);
    return new TextDecoder().decode(Uint8Array.from(sent));
  }
}

/** What a rank sent as JSON. Throws `PluginError` where the collective gave something else. */
function readSent(text: string, root: number): Json {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PluginError(
      `\`broadcast\` of the collective that \`parallel\` names did not give what rank ${root} sent`,
      { cause },
    );
  }
}

/** `body`, ended by the news that another rank is lost. This rank's own failure is reported to the others. */
export async function amongRanks<T>(
  { collective }: Ranks,
  body: () => Promise<T>,
): Promise<T> {
  const { lost } = collective;
  let news: unknown = null;
  lost?.catch((error) => news = error);
  try {
    return await (lost === undefined ? body() : Promise.race([body(), lost]));
  } catch (error) {
    if (news === null || news !== error) {
      const message = error instanceof Error ? error.message : String(error);
      await collective.fail?.(
        `Rank ${collective.rank} of ${collective.world} failed: ${message}`,
      );
    }
    throw error;
  }
}

/** Warns of ranks for which a step has no micro-batch; null: there is one for each. */
export function idleRanks(micros: number, world: number): string | null {
  return micros >= world
    ? null
    : `A step has ${micros} micro-batch${
      micros === 1 ? "" : "es"
    } (training.gradient_accumulation_steps) for ${world} ranks: ${
      world - micros
    } of them only wait. More and smaller ones make the same steps`;
}

/** Refuses ranks that differ in what they must share. Throws `ConfigError` that names each difference. */
export async function refuseDifferences(
  ranks: Ranks,
  facts: Readonly<Record<string, Json>>,
): Promise<void> {
  if (!ranks.areSeveral) return;
  const all = await ranks.ofAll(facts);
  const texts = all.map((one) =>
    new Map(
      Object.entries(one as Readonly<Record<string, Json>>).map((
        [name, value],
      ) => [name, JSON.stringify(value)]),
    )
  );
  const names = new Set(texts.flatMap((of) => [...of.keys()]));
  const lines: string[] = [];
  for (const name of names) {
    const first = texts[0].get(name) ?? "absent";
    const others = texts.flatMap((of, rank) => {
      const found = of.get(name) ?? "absent";
      return found === first ? [] : [`${found} on rank ${rank}`];
    });
    if (others.length > 0) {
      const most = others.slice(0, 4).join(", ");
      lines.push(
        `  ${name}: ${first} on rank 0, ${most}${
          others.length > 4 ? `, and ${others.length - 4} more` : ""
        }`,
      );
    }
  }
  if (lines.length === 0) return;
  throw new ConfigError(
    [
      `The ${ranks.collective.world} ranks do not agree, so they cannot train together:`,
      ...lines,
      "Give all of them the same run file, data, and version of denotune",
    ].join("\n"),
  );
}
