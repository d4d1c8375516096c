/** Schedules against transformers (`golden/schedules.json`), to a double's last digits. */
import assert from "node:assert/strict";
import type { AnyPart, Schedule } from "@denotune/denotune/core";
import { schedules } from "../../../plugins/schedules/mod.ts";
import { testSchedule } from "../../conformance/schedule.ts";
import { testHost } from "../../conformance/host.ts";

const golden = JSON.parse(
  Deno.readTextFileSync(
    new URL("../../golden/schedules.json", import.meta.url),
  ),
);

const host = testHost();

async function make(name: string, options: unknown): Promise<Schedule> {
  const part = schedules.find((p) => p.name === name) as Extract<
    AnyPart,
    { kind: "schedule" }
  >;
  const result = await part.options["~standard"].validate(options);
  if (result.issues !== undefined) {
    throw new Error(result.issues.map((i) => i.message).join());
  }
  return await part.create(result.value, host);
}

interface ScheduleCase {
  readonly name: string;
  readonly options: object;
  readonly total_steps: number;
  /** By step, counted from 0. */
  readonly factors: Readonly<Record<string, number>>;
}

const random: readonly ScheduleCase[] = JSON
  .parse(Deno.readTextFileSync(
    new URL("../../golden/schedule_cases.json", import.meta.url),
  ));

Deno.test("schedules with random options are transformers'", async () => {
  assert.equal(random.length, 320);
  for (const { name, options, total_steps, factors } of random) {
    const schedule = await make(name, options);
    for (const [step, value] of Object.entries(factors)) {
      const factor = schedule.factor(Number(step), {
        totalSteps: total_steps,
      });
      assert.ok(
        Math.abs(factor - value) < 1e-14,
        `${name} ${
          JSON.stringify(options)
        } ${total_steps} ${step}: ${factor}, not ${value}`,
      );
    }
  }
});

const NAMES = [
  "constant",
  "linear",
  "cosine",
  "cosine-restarts",
  "inverse-sqrt",
  "polynomial",
  "wsd",
];

for (const name of NAMES) {
  testSchedule(name, () => make(name, {}));
  testSchedule(`${name} with warm-up`, () => make(name, { warmup_ratio: 0.1 }));
  for (const [warmup, wanted] of Object.entries(golden[name] ?? {})) {
    Deno.test(`${name} with ${warmup} steps of warm-up is transformers' schedule`, async () => {
      const schedule = await make(name, { warmup_steps: Number(warmup) });
      (wanted as number[]).forEach((value, step) => {
        const factor = schedule.factor(step, {
          totalSteps: golden.total_steps,
        });
        assert.ok(Math.abs(factor - value) < 1e-15, `${step}: ${factor}`);
      });
    });
  }

  Deno.test(`${name}: a ratio is the same warm-up, rounded up`, async () => {
    const ratio = await make(name, { warmup_ratio: 0.12 });
    const steps = await make(name, { warmup_steps: 3 });
    for (let step = 0; step < 20; step++) {
      const at = { totalSteps: 20 };
      assert.equal(ratio.factor(step, at), steps.factor(step, at));
    }
  });

  Deno.test(`${name}: warmup_steps and warmup_ratio together are refused`, async () => {
    await assert.rejects(
      make(name, { warmup_steps: 1, warmup_ratio: 0.1 }),
      /say the same thing twice: remove one/,
    );
  });
}

for (const name of ["linear", "cosine", "polynomial"]) {
  Deno.test(`${name} falls from 1 to min_factor and stays there`, async () => {
    const schedule = await make(name, { min_factor: 0.1, warmup_steps: 2 });
    const factor = (step: number) => schedule.factor(step, { totalSteps: 10 });
    assert.equal(factor(0), 0);
    assert.equal(factor(2), 1);
    for (let step = 3; step <= 10; step++) {
      assert.ok(factor(step) < factor(step - 1));
    }
    assert.ok(Math.abs(factor(10) - 0.1) < 1e-15);
    assert.ok(Math.abs(factor(25) - 0.1) < 1e-15);
  });
}

Deno.test("constant has no min_factor, and says so", async () => {
  await assert.rejects(make("constant", { min_factor: 0.1 }), /min_factor/);
});
