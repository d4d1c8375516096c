/**
 * A worker of preparation: makes the parts for itself, opens files for itself, prepares the rows it is
 * asked for.
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { beside, type Creating } from "../../config/parts/create_part.ts";
import type { RecordStore, Source } from "../../contracts/source.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError, PluginError } from "../../contracts/errors.ts";
import { Registry } from "../../contracts/registry.ts";
import { importModule } from "../../config/parts/import_module.ts";
import { loadIsolated } from "../../config/isolated/load_isolated.ts";
import type { BridgeCommand } from "../../config/isolated/process/bridge.ts";
import type { Bridges } from "../../config/isolated/process/bridge_thread.ts";
import { loadSameCode } from "../../config/trust/changed_code.ts";
import { faultPlace } from "../../fault_place.ts";
import { bundleUrl } from "../../own_module.ts";
import { openParts } from "../open_parts.ts";
import { prepareRows, type RowPipeline } from "../prepared/prepare_rows.ts";
import { detectFormat } from "../examples/detect_format.ts";
import { fileSources } from "../source_for.ts";
import { type DrawPipeline, prepareDraw } from "../stream/prepare_draw.ts";
import {
  type DrawCommand,
  errorToData,
  identityOf,
  type OpenCommand,
  type RowsCommand,
  type WorkerAnswer,
} from "./protocol.ts";
import { remake, remakeHost } from "./recipe.ts";

/** The types of windows and workers cannot be loaded together. */
interface WorkerScope {
  postMessage(message: WorkerAnswer, transfer?: Transferable[]): void;
  addEventListener(
    type: "message",
    listener: (
      event: MessageEvent<OpenCommand | RowsCommand | DrawCommand>,
    ) => void,
  ): void;
  addEventListener(type: "unload", listener: () => void): void;
}

/** A source, open. */
interface OpenSource {
  readonly store: RecordStore | null;
  readonly pipeline: RowPipeline;
  /** What reads a file of it. */
  readonly sourceOf: (path: string) => Promise<Source>;
}

class PrepareWorker {
  readonly #command: OpenCommand;
  readonly #creating: Creating;
  readonly #tokenizer: Tokenizer;
  readonly #sources = new Map<number, OpenSource>();
  /** What reads files, by path; and how their rows are prepared, by source: of streams. */
  readonly #readers = new Map<string, Source>();
  readonly #drawn: DrawPipeline[];

  private constructor(
    command: OpenCommand,
    creating: Creating,
    tokenizer: Tokenizer,
  ) {
    this.#command = command;
    this.#creating = creating;
    this.#tokenizer = tokenizer;
    this.#drawn = new Array(command.sources.length);
  }

  static async open(
    command: OpenCommand,
    { load, bridges }: {
      readonly load: ImportModule;
      readonly bridges: Bridges;
    },
  ): Promise<PrepareWorker> {
    const { host, tokenizer: recipe, addedTokens } = command.recipe;
    const registry = new Registry();
    // processes start while the tokenizer, which no isolated plugin brings, is made
    const starting = host.plugins.flatMap(
      ({ url, module, isolation, hash }) => {
        if (isolation === null) return [];
        const plugin = loadSameCode({ url, module, hash })
          .then(() => loadIsolated({ url, module, isolation, bridges }));
        plugin.catch(() => {}); // whoever awaits it gets the error
        return [{ plugin, url, module, isolation }];
      },
    );
    for (const { url, module, isolation, hash } of host.plugins) {
      if (isolation !== null) continue;
      await loadSameCode({ url, module, hash });
      registry.add((await load(url)).default, module, url, { isolation });
    }
    const creating = remakeHost(host, registry);
    const made = await remake("tokenizer", recipe, creating);
    const tokenizer = await made.withTokens?.(addedTokens) ?? made;
    for (const { plugin, url, module, isolation } of starting) {
      registry.add(await plugin, module, url, { isolation });
    }
    return new PrepareWorker(
      command,
      beside(creating, { tokenizer }),
      tokenizer,
    );
  }

  /** Whether the tokenizer is that of the run, which may have been changed after it was made. */
  get isSame(): boolean {
    return isDeepStrictEqual(
      identityOf(this.#tokenizer),
      this.#command.tokenizer,
    );
  }

  /** Prepares rows; the source is opened when the first of its rows is asked for. */
  async rows(command: RowsCommand): Promise<WorkerAnswer> {
    const { id, source, from, to, records } = command;
    const { store, pipeline } = await this.#source(source);
    const began = performance.now();
    const rows = prepareRows({
      from,
      to,
      at: (index) => {
        const record = records?.[index - from] ?? store?.at(index);
        if (record === undefined) {
          throw new RangeError(`Row ${index} was not sent`);
        }
        return record;
      },
    }, pipeline);
    const { failure } = rows;
    return {
      type: "rows",
      id,
      rows: {
        ...rows,
        statistics: { ...rows.statistics },
        failure: failure === null ? null : errorToData(failure.error),
      },
      ms: performance.now() - began,
    };
  }

  /** Prepares streamed rows. */
  async draw({ id, rows }: DrawCommand): Promise<WorkerAnswer> {
    for (const { source, path } of rows) {
      const { pipeline, sourceOf } = await this.#source(source);
      this.#drawn[source] ??= {
        ...pipeline,
        parse: ({ record, path }) =>
          this.#readers.get(path ?? "")?.parse?.(record) ?? record,
      };
      if (path !== null && !this.#readers.has(path)) {
        this.#readers.set(path, await sourceOf(path));
      }
    }
    const draw = prepareDraw(rows, this.#drawn);
    const { failure } = draw;
    return {
      type: "draw",
      id,
      rows: {
        ...draw,
        statistics: { ...draw.statistics },
        failure: failure === null ? null : errorToData(failure.error),
      },
    };
  }

  async #source(source: number): Promise<OpenSource> {
    const known = this.#sources.get(source);
    if (known !== undefined) return known;
    const open = await this.#open(source);
    this.#sources.set(source, open);
    return open;
  }

  async #open(source: number): Promise<OpenSource> {
    const { recipe, sources, options } = this.#command;
    const made = recipe.sources[source];
    const setup = sources[source];
    if (made === null) throw new RangeError(`Source ${source} stays at home`);
    const written = await remake("format", made.format, this.#creating);
    const sourceOf = fileSources({
      chosen: made.source === "auto"
        ? null
        : await remake("source", made.source, this.#creating),
      format: written,
      key: setup.name,
    }, this.#creating);
    const store = made.parts === null
      ? null
      : await this.#store(made.parts, sourceOf);
    if (
      store !== null &&
      (store.fingerprint !== setup.fingerprint || store.length !== setup.length)
    ) {
      throw new DataError(
        `${setup.name} has changed while it was read; start again`,
      );
    }
    const { format, choice } = detectFormat(
      written,
      store ?? sampleStore(setup.sample ?? []),
    );
    if ((choice?.name ?? null) !== made.detected) {
      throw new PluginError(
        `The format of ${setup.name} chose ${choice?.name} in a worker and ${made.detected} before; set data.workers=1`,
      );
    }
    return {
      store,
      sourceOf,
      pipeline: {
        source,
        sources: sources.length,
        format,
        template: await remake("template", made.template, this.#creating),
        masker: await remake("masker", made.masker, this.#creating),
        tokenizer: this.#tokenizer,
        options,
        side: setup.side,
      },
    };
  }

  async #store(
    parts: Parameters<typeof openParts>[0],
    sourceOf: OpenSource["sourceOf"],
  ): Promise<RecordStore> {
    const { cacheDir } = this.#command;
    return await openParts(parts, async (path) => {
      const source = await sourceOf(path);
      return await source.open({ path, cacheDir });
    });
  }
}

/** The rows that a format looks at, as they were chosen on the main thread. */
function sampleStore(
  sample: NonNullable<OpenCommand["sources"][number]["sample"]>,
): RecordStore {
  return {
    length: sample.length,
    fingerprint: "",
    at: (index) => sample[index],
    [Symbol.dispose](): void {},
  };
}

/** Loads the module of a plugin by its URL. */
export type ImportModule = (
  url: string,
) => Promise<{ readonly default?: unknown }>;

/** Makes this worker one that prepares rows: called once. */
export function servePreparation(load: ImportModule): void {
  const scope = globalThis as unknown as WorkerScope;
  let processes = 0;
  const bridges: Bridges = {
    start(process) {
      const id = ++processes;
      const post = (command: BridgeCommand) =>
        scope.postMessage({ type: "bridge", command });
      post({ type: "start", id, process });
      return { end: () => post({ type: "end", id }) };
    },
  };
  let worker: PrepareWorker | null = null;
  const answer = async (
    command: OpenCommand | RowsCommand | DrawCommand,
  ): Promise<void> => {
    try {
      if (command.type === "open") {
        worker = await PrepareWorker.open(command, { load, bridges });
        const { isSame } = worker;
        return scope.postMessage({ type: "opened", isSame });
      }
      const said = command.type === "rows"
        ? await worker?.rows(command)
        : await worker?.draw(command);
      if (said?.type !== "rows" && said?.type !== "draw") return;
      const { packed } = said.rows;
      const places = said.type === "rows" ? said.rows.records : said.rows.rows;
      scope.postMessage(said, [
        packed.words.buffer,
        packed.sizes.buffer,
        packed.lengths.buffer,
        places.buffer,
      ]);
    } catch (error) {
      scope.postMessage({ type: "failed", error: errorToData(error) });
    }
  };
  let before = Promise.resolve(); // one thing at a time, in order
  scope.addEventListener("message", ({ data }) => {
    before = before.then(() => answer(data));
  });
  // `Deno.exit` of a plugin ends the worker alone, and the main thread would wait for ever
  scope.addEventListener("unload", () => {
    const { plugin } = faultPlace(new Error().stack);
    const error = new PluginError(
      `A worker that prepares rows was ended by ${
        plugin ?? "code of a plugin"
      }`,
    );
    scope.postMessage({ type: "failed", error: errorToData(error) });
  });
  // a message that arrives before the listener is added would be lost: the main thread waits for this
  scope.postMessage({ type: "ready" });
}

// in a bundle, the module's import would start it on any thread: there `workInBundle` does
if (bundleUrl() === null) servePreparation(importModule);
