/**
 * A run folder of Weights & Biases, written offline: `wandb sync` of its own client sends it. No account is needed
 * while the run trains, and nothing is sent by it.
 *
 * ```text
 * outputs/capitals/wandb/offline-run-20261121_221500-k3j9x0pa/
 *   run-k3j9x0pa.wandb            what was logged, a record each
 *   files/media/table/...json     samples
 * ```
 *
 * A resumed run goes on in the same file, which is cut back to the checkpoint, so that each step is there once.
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import {
  definePart,
  type Json,
  type Part,
  type Tracker,
  type TrackerContext,
  type TrackerEvent,
} from "@denotune/denotune/core";
import { z } from "zod";
import { figuresOf } from "../_figures.ts";
import { withFile } from "../_run_file.ts";
import { LogFile, readLog } from "./log_file.ts";
import type * as Messages from "./record.ts";

/** Options of {@linkcode wandb}. */
export interface WandbOptions {
  readonly project: string;
  readonly entity: string | null;
  readonly name: string | null;
  readonly tags: readonly string[];
}

const options: z.ZodType<WandbOptions, Partial<WandbOptions>> = z.strictObject({
  project: z.string().min(1).default("denotune").describe(
    "Project that the run belongs to",
  ),
  entity: z.string().min(1).nullable().default(null).describe(
    "User or team; null: that of the account that syncs",
  ),
  name: z.string().min(1).nullable().default(null).describe(
    "Name of the run; null: that of the run folder",
  ),
  tags: z.array(z.string().min(1)).default([]).describe("Tags of the run"),
});

/** The part `wandb`. */
export const wandb: Part<"tracker", Partial<WandbOptions>, WandbOptions> =
  definePart({
    kind: "tracker",
    name: "wandb",
    description:
      "Writes an offline run of Weights & Biases, which `wandb sync` sends",
    options,
    create: async (o: WandbOptions): Promise<Tracker> =>
      new WandbTracker(o, await import("./record.ts")),
  });

class WandbTracker implements Tracker {
  readonly #options: WandbOptions;
  readonly #messages: typeof Messages;
  #folder = "";
  #file: Deno.FsFile | null = null;
  #log: LogFile | null = null;
  #records: Messages.Records;
  /** What was logged at `step` so far: one record holds all of a step. */
  #row: { step: number; values: Map<string, Json> } | null = null;
  readonly #newest = new Map<string, Json>();
  #samples: { prompt: string; text: string; at: string }[] = [];

  constructor(options: WandbOptions, messages: typeof Messages) {
    this.#options = options;
    this.#messages = messages;
    this.#records = new messages.Records(0);
  }

  start({ outputDir, resumedAt, settings }: TrackerContext): void {
    this.#guarded(() => {
      const earlier = resumedAt > 0
        ? newestRun(join(outputDir, "wandb"))
        : null;
      if (earlier !== null) return this.#goOn(earlier, resumedAt);
      const { id, stamp } = newId();
      this.#folder = join(outputDir, "wandb", `offline-run-${stamp}-${id}`);
      Deno.mkdirSync(join(this.#folder, "files"), { recursive: true });
      this.#file = Deno.openSync(join(this.#folder, `run-${id}.wandb`), {
        createNew: true,
        write: true,
      });
      this.#log = new LogFile(this.#file, 0);
      this.#log.append(this.#records.header("denotune"));
      const { project, entity, tags } = this.#options;
      this.#log.append(this.#records.run({
        id,
        project,
        entity,
        tags,
        name: this.#options.name ?? basename(outputDir),
        config: settings,
        began: Date.now() / 1000,
      }));
    });
  }

  event(event: TrackerEvent): void {
    this.#guarded(() => {
      const figures = Object.entries(figuresOf(event));
      if (event.event === "sample") {
        this.#at(event.step);
        this.#samples.push({
          prompt: event.prompt,
          text: event.text,
          at: event.at,
        });
      }
      if (figures.length > 0) {
        const row = this.#at(event.step);
        for (const [name, value] of figures) row.set(name, value);
        row.set("_runtime", event.time);
        row.set("_timestamp", Date.now() / 1000);
      }
      if (event.event === "save" && event.kind === "checkpoint") {
        this.#flush();
        this.#file?.syncDataSync();
      }
      if (event.event === "end") {
        this.#flush();
        this.#log?.append(
          this.#records.exit(event.status === "done" ? 0 : 1, event.seconds),
        );
      }
    });
  }

  close(): void {
    this.#guarded(() => this.#flush());
    this.#file?.close();
    this.#file = null;
    this.#log = null;
  }

  /** Takes up a file that an earlier process wrote, cut behind what it had logged up to a step. */
  #goOn(folder: string, step: number): void {
    this.#folder = folder;
    const path = join(folder, `run-${folder.split("-").at(-1)}.wandb`);
    let kept = 0;
    let count = 0;
    for (const { bytes, end } of readLog(Deno.readFileSync(path))) {
      const at = this.#messages.stepOf(bytes);
      if (at === "end" || at !== null && at > step) break;
      kept = end;
      count++;
    }
    this.#records = new this.#messages.Records(count);
    this.#file = Deno.openSync(path, { read: true, write: true });
    this.#file.truncateSync(kept);
    this.#file.seekSync(kept, Deno.SeekMode.Start);
    this.#log = new LogFile(this.#file, kept);
  }

  #at(step: number): Map<string, Json> {
    if (this.#row !== null && this.#row.step !== step) this.#flush();
    this.#row ??= { step, values: new Map() };
    return this.#row.values;
  }

  #flush(): void {
    const row = this.#row;
    if (row === null || this.#log === null) return;
    this.#row = null;
    if (this.#samples.length > 0) {
      row.values.set("samples", this.#table(row.step));
    }
    if (row.values.size === 0) return;
    for (const [name, value] of row.values) this.#newest.set(name, value);
    this.#newest.set("_step", row.step);
    this.#log.append(this.#records.history(row.step, [...row.values]));
    this.#log.append(this.#records.summary([...this.#newest]));
  }

  /** Samples as a table that the pages of the server show. */
  #table(step: number): Json {
    const data = this.#samples.map((
      { at, prompt, text },
    ) => [at, prompt, text]);
    this.#samples = [];
    const bytes = new TextEncoder().encode(
      JSON.stringify({ columns: ["at", "prompt", "answer"], data }),
    );
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const path = `media/table/samples_${step}_${
      sha256.slice(0, 20)
    }.table.json`;
    Deno.mkdirSync(join(this.#folder, "files", "media", "table"), {
      recursive: true,
    });
    Deno.writeFileSync(join(this.#folder, "files", path), bytes);
    this.#log?.append(this.#records.file(path));
    return {
      _type: "table-file",
      path,
      sha256,
      size: bytes.length,
      ncols: 3,
      nrows: data.length,
    };
  }

  #guarded(work: () => void): void {
    withFile("wandb", `write the run in ${this.#folder}`, work);
  }
}

function newestRun(folder: string): string | null {
  try {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => /^offline-run-\d{8}_\d{6}-[a-z0-9]+$/.test(name))
      .sort();
    const newest = names.at(-1);
    return newest === undefined ? null : join(folder, newest);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Eight letters and digits, and the time as the client writes it. */
function newId(): { id: string; stamp: string } {
  const random = crypto.getRandomValues(new Uint8Array(8));
  const id = [...random].map((byte) => (byte % 36).toString(36)).join("");
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "")
    .replace("T", "_");
  return { id, stamp };
}
