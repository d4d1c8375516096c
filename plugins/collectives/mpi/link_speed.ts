/**
 * How fast ranks send each other, measured before they train.
 * @module
 */
import type { Exchanges } from "./exchange.ts";

/** Bytes that a rank sends at a time. */
const SENT = 1 << 20;
/** Times that are measured: the first finds connections and code that are new, and ranks do not start together. */
const ROUNDS = 4;

/** Bits a second that the slowest rank sends while it receives as much; the same on all ranks. */
export async function linkSpeed(
  exchanges: Exchanges,
  { rank, world }: { readonly rank: number; readonly world: number },
): Promise<number> {
  const others = world - 1;
  if (others === 0) return Infinity;
  const bytes = Math.ceil(SENT / others);
  const exchange = async (own: Uint8Array<ArrayBuffer>) => {
    const from = Array.from(
      { length: world },
      (_, r) => new Uint8Array(r === rank ? 0 : own.byteLength),
    );
    const { received, sent } = exchanges.start(exchanges.tag(), {
      to: from.map(() => ({ bytes: own })),
      from,
    });
    await Promise.all([received, sent]);
    return from;
  };
  const own = new Float64Array([Infinity]);
  for (let i = 0; i < ROUNDS; i++) {
    const from = performance.now();
    await exchange(new Uint8Array(bytes));
    own[0] = Math.min(own[0], (performance.now() - from) / 1000);
  }
  const all = await exchange(new Uint8Array(own.buffer));
  const seconds = all.map(({ buffer }, r) =>
    r === rank ? own[0] : new Float64Array(buffer)[0]
  );
  return 8 * bytes * others / Math.max(...seconds);
}
