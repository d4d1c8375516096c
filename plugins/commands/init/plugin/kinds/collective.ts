import type { KindTemplate } from "../kind_template.ts";

/** Processes that add up gradients over TCP. */
export const collective: KindTemplate = {
  does: "A collective for denotune: processes that add up gradients over TCP.",
  part: `/** Processes that add up gradients over TCP. @module */
import {
  type Collective,
  definePart,
  definePlugin,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  rank: z.int().min(0).default(0).describe("Number of this process, from 0"),
  world: z.int().min(1).default(1).describe("How many processes there are"),
  hostname: z.string().default("127.0.0.1").describe("Where rank 0 runs"),
  port: z.int().min(1).max(65535).default(29500).describe("Port of rank 0"),
});

const part = definePart({
  kind: "collective",
  name: "NAME",
  description: "Sums over TCP, through rank 0",
  options,
  async create({ rank, world, hostname, port }): Promise<Collective> {
    const peers = world === 1
      ? []
      : rank === 0
      ? await accept(world, port)
      : [await connect(rank, { hostname, port })];

    // the arrays (N) of all ranks, one behind the other (world N), everywhere
    async function exchange(values: Float32Array): Promise<Float32Array> {
      const all = new Float32Array(values.length * world);
      if (rank === 0) {
        all.set(values);
        for (const [i, peer] of peers.entries()) {
          const start = (i + 1) * values.length;
          await read(peer, all.subarray(start, start + values.length));
        }
        for (const peer of peers) await write(peer, all);
      } else {
        await write(peers[0], values);
        await read(peers[0], all);
      }
      return all;
    }

    // every rank adds in the same order, and so gets the same bits
    async function sum(values: Float32Array): Promise<void> {
      const all = await exchange(values);
      for (let i = 0; i < values.length; i++) {
        let total = 0;
        for (let r = 0; r < world; r++) total += all[r * values.length + i];
        values[i] = total;
      }
    }

    return {
      rank,
      world,
      sum,
      async reduceScatter(values) {
        if (values.length % world !== 0) {
          throw new RangeError(\`\${values.length} is no multiple of \${world}\`);
        }
        const summed = values.slice();
        await sum(summed);
        const share = values.length / world;
        return summed.slice(rank * share, (rank + 1) * share);
      },
      allGather: exchange,
      async broadcast(values, root) {
        const all = await exchange(values);
        const start = root * values.length;
        values.set(all.subarray(start, start + values.length));
      },
    };
  },
});

/** Connections to ranks 1, 2, ..., in this order. */
async function accept(world: number, port: number): Promise<Deno.Conn[]> {
  using listener = Deno.listen({ port });
  const peers: Deno.Conn[] = [];
  while (peers.filter(Boolean).length < world - 1) {
    const peer = await listener.accept();
    const rank = new Float32Array(1); // says who it is
    await read(peer, rank);
    peers[rank[0] - 1] = peer;
  }
  return peers;
}

async function connect(
  rank: number,
  to: { hostname: string; port: number },
): Promise<Deno.Conn> {
  for (let tries = 1;; tries++) {
    try {
      const root = await Deno.connect(to);
      await write(root, Float32Array.of(rank));
      return root;
    } catch (error) {
      if (tries === 100) throw error; // rank 0 starts within 10 seconds
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function bytesOf(of: Float32Array): Uint8Array {
  return new Uint8Array(of.buffer, of.byteOffset, of.byteLength);
}

async function write(to: Deno.Conn, values: Float32Array): Promise<void> {
  const bytes = bytesOf(values);
  for (let done = 0; done < bytes.length;) {
    done += await to.write(bytes.subarray(done));
  }
}

async function read(from: Deno.Conn, values: Float32Array): Promise<void> {
  const bytes = bytesOf(values);
  for (let done = 0; done < bytes.length;) {
    const more = await from.read(bytes.subarray(done));
    if (more === null) throw new Error("another process has ended");
    done += more;
  }
}
`,
  test: `import type { Collective } from "@denotune/denotune/core";
import { makePart, testCollective } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

/** All ranks of a world in this process: a run has one in each. */
function ranksOf(world: number): Promise<Collective[]> {
  const listener = Deno.listen({ port: 0 }); // a port that is free
  if (listener.addr.transport !== "tcp") throw new Error("no TCP");
  const { port } = listener.addr;
  listener.close();
  return Promise.all(Array.from(
    { length: world },
    (_, rank) => makePart(plugin, "collective", { rank, world, port }),
  ));
}

// connections stay open: they are made before the tests
const worlds = new Map([
  [1, await ranksOf(1)],
  [2, await ranksOf(2)],
  [3, await ranksOf(3)],
]);

// what every collective must do
testCollective(plugin.name, (world) => worlds.get(world) ?? []);
`,
  run: {
    more: `# of several processes each has its rank, too
parallel: { use: NAME, world: 1 }`,
  },
};
