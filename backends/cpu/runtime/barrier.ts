/**
 * The barrier between launches, assembled: spin a little, then sleep.
 * @module
 */
import { i32, i64, ModuleBuilder } from "../assembler/mod.ts";
import { CELL } from "./layout.ts";

/**
 * Looks at the generation before a worker goes to sleep: some 40 us, about what sleeping and waking up cost. A worker
 * that sleeps sooner does so hundreds of times a token, where kernels take 10 us each.
 */
const SPINS = 100_000;

/** The module of the function `barrier(workers)`: returns when all workers have called it. */
export function barrierModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const cell = (index: number) => i64.const(4 * index);
  module.function({ parameters: ["i32"], name: "barrier" }, (f) => {
    const workers = f.parameter("i32", 0);
    const generation = f.local("i32", i32.atomicLoad(cell(CELL.generation)));
    const before = f.local(
      "i32",
      i32.atomicAdd(cell(CELL.arrived), i32.const(1)),
    );
    f.if(i32.eq(i32.add(before, i32.const(1)), workers), () => {
      f.atomicStore(cell(CELL.arrived), i32.const(0));
      f.drop(i32.atomicAdd(cell(CELL.generation), i32.const(1)));
      f.if(
        i32.atomicLoad(cell(CELL.asleep)),
        () => f.drop(i32.notifyAll(cell(CELL.generation))),
      );
      f.return();
    });
    const passed = () =>
      i32.ne(i32.atomicLoad(cell(CELL.generation)), generation);
    f.block((done) => {
      f.for(i64.const(0), i64.const(SPINS), 1, () => f.branch(done, passed()));
      f.drop(i32.atomicAdd(cell(CELL.asleep), i32.const(1)));
      f.loop((again) => {
        f.drop(i32.wait(cell(CELL.generation), generation));
        f.branch(again, i32.eqz(passed()));
      });
      f.drop(i32.atomicAdd(cell(CELL.asleep), i32.const(-1)));
    });
  });
  return module.finish();
}
