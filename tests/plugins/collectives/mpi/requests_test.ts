import assert from "node:assert/strict";
import { randomFrom } from "../../../../core/mod.ts";
import { Requests } from "../../../../plugins/collectives/mpi/requests.ts";

/** A library whose calls end when a test says so. A request is the number of its call. */
class Calls {
  /** Calls that are over. */
  readonly ended = new Set<bigint>();
  /** How often was looked. */
  looks = 0;
  /** What `MPI_Testany` gives; 0: no error. */
  code = 0;
  readonly library = {
    handles: { requestBytes: 8 },
    functions: {
      MPI_Testany: (
        count: number,
        requests: AllowSharedBufferSource | null,
        index: AllowSharedBufferSource | null,
        flag: AllowSharedBufferSource | null,
        status: AllowSharedBufferSource | null,
      ): number => {
        this.looks++;
        assert.ok(requests instanceof Uint8Array);
        assert.ok(index instanceof Int32Array && flag instanceof Int32Array);
        assert.ok(status instanceof Int32Array);
        const all = new BigUint64Array(requests.buffer, 0, count);
        const found = all.findIndex((one) => this.ended.has(one));
        flag[0] = found < 0 ? 0 : 1;
        index[0] = found;
        status[0] = found < 0 ? 0 : Number(all[found]);
        return this.code;
      },
      MPI_Test: (
        request: AllowSharedBufferSource | null,
        flag: AllowSharedBufferSource | null,
      ): number => {
        assert.ok(request instanceof BigUint64Array);
        assert.ok(flag instanceof Int32Array);
        flag[0] = this.ended.has(request[0]) ? 1 : 0;
        return 0;
      },
      MPI_Error_string: (
        _code: number,
        said: AllowSharedBufferSource | null,
        length: AllowSharedBufferSource | null,
      ): number => {
        assert.ok(said instanceof Uint8Array && length instanceof Int32Array);
        length[0] = new TextEncoder().encodeInto("a broken link", said).written;
        return 0;
      },
    },
  };

  /** Waits until it was looked at least once more. */
  async looked(): Promise<void> {
    const before = this.looks;
    while (this.looks === before) {
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}

const never = new Promise<never>(() => {});
const request = (number: number) => BigUint64Array.of(BigInt(number));

Deno.test("calls of MPI end in whichever order the library ends them, also those that start meanwhile, computing or not", async () => {
  for (let seed = 0; seed < 8; seed++) {
    const random = randomFrom(seed, 19);
    const calls = new Calls();
    const requests = new Requests(calls.library, never);
    const order: number[] = [];
    const ended: number[] = [];
    const open: number[] = [];
    const waits: Promise<void>[] = [];
    for (let next = 0; next < 12 || open.length > 0;) {
      if (next < 12 && (open.length === 0 || random.next() < 0.6)) {
        const number = next++;
        open.push(number);
        waits.push(
          requests.done(request(number), [new ArrayBuffer(8)])
            .then((status) => {
              assert.equal(status[0], number); // its own
              ended.push(number);
            }),
        );
        continue;
      }
      requests.computes = random.next() < 0.5;
      const [number] = open.splice(random.below(open.length), 1);
      assert.ok(!ended.includes(number));
      calls.ended.add(BigInt(number));
      order.push(number);
      while (!ended.includes(number)) await calls.looked();
    }
    await Promise.all(waits);
    assert.deepEqual(ended, order);
  }
});

Deno.test("a call that is over when it is waited for ends without another look", async () => {
  const calls = new Calls();
  const requests = new Requests(calls.library, never);
  calls.ended.add(1n);
  await requests.done(request(1), []);
  assert.equal(calls.looks, 0);
});

Deno.test("what waits for calls of MPI lets other code run, and looks no more when all have ended", async () => {
  const calls = new Calls();
  const requests = new Requests(calls.library, never);
  const waits = requests.done(request(1), []);
  await calls.looked(); // a timer of this test ran meanwhile
  calls.ended.add(1n);
  await waits;
  const { looks } = calls;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(calls.looks, looks);
});

Deno.test("an error of MPI ends all calls that wait, in its own words", async () => {
  const calls = new Calls();
  const requests = new Requests(calls.library, never);
  const waits = [1, 2].map((number) => requests.done(request(number), []));
  calls.code = 15;
  for (const wait of waits) {
    await assert.rejects(wait, {
      name: "DeviceError",
      message: "MPI_Testany failed: a broken link",
    });
  }
});

Deno.test("the loss of a rank ends all calls that wait, and those that start later", async () => {
  const calls = new Calls();
  const lost = Promise.withResolvers<never>();
  const requests = new Requests(calls.library, lost.promise);
  const waits = [1, 2].map((number) => requests.done(request(number), []));
  lost.reject(new Error("rank 1 is lost"));
  for (const wait of [...waits, requests.done(request(3), [])]) {
    await assert.rejects(wait, /rank 1 is lost/);
  }
});
