/**
 * The Hub's own package, `@huggingface/hub`, loaded only by runs that use the Hub.
 * @module
 */
import type { HubKind } from "./hub_cache.ts";
import type { HubPackage, ListedEntry } from "./hub_questions.ts";

/**
 * A value, not a literal in `import()`, and no entry of deno.json: the package would be fetched with the module graph
 * by every run. A bundle fetches it when it first uses the Hub.
 */
const PACKAGE = "npm:@huggingface/hub@^2.17.5";

interface Question {
  readonly name: string;
  readonly revision: string;
  readonly hubUrl: string;
  readonly fetch: typeof fetch;
}

/** What of its exports is used. */
interface Exports {
  modelInfo(
    question: Question & { readonly additionalFields: readonly string[] },
  ): Promise<{ readonly sha: unknown }>;
  datasetInfo(
    question: Question & { readonly additionalFields: readonly string[] },
  ): Promise<{ readonly sha: unknown }>;
  listFiles(
    question: Omit<Question, "name"> & {
      readonly repo: { readonly type: HubKind; readonly name: string };
      readonly recursive: boolean;
    },
  ): AsyncIterable<ListedEntry>;
}

/** What uploads use of its exports. */
interface UploadExports extends Exports {
  createRepo(
    question: Writing & { readonly visibility: "public" | "private" },
  ): Promise<unknown>;
  commit(
    question: Writing & {
      readonly title: string;
      readonly operations: readonly {
        readonly operation: "addOrUpdate";
        readonly path: string;
        readonly content: Blob | URL;
      }[];
      readonly abortSignal?: AbortSignal;
      readonly useXet: boolean;
    },
  ): Promise<{ readonly commit: { readonly oid: string } } | undefined>;
}

/** What every question about a repository that is written to has. */
interface Writing {
  readonly repo: { readonly type: "model"; readonly name: string };
  readonly accessToken: string;
  readonly hubUrl: string;
  readonly fetch: typeof fetch;
}

/** A repository that is written to. */
export interface UploadPackage {
  /** Makes it; false: it is there already. */
  create(isPrivate: boolean): Promise<boolean>;
  /** Whether it is private. */
  isPrivate(): Promise<boolean>;
  /** The hash of each file: SHA-256 of large ones, else git's SHA-1. */
  hashes(): Promise<Map<string, string>>;
  /** The text of a file; empty where there is none. */
  text(path: string): Promise<string>;
  /** Writes files in one commit; gives its hash. */
  commit(
    what: {
      readonly title: string;
      readonly files: readonly {
        readonly path: string;
        readonly content: Blob | URL;
      }[];
    },
  ): Promise<string>;
}

/** Loads the package for writing to a model's repository. Errors of the Hub have a `statusCode`. */
export async function uploadPackage(
  { id, endpoint, token, fetch, signal }: {
    readonly id: string;
    readonly endpoint: string;
    readonly token: string;
    readonly fetch: typeof globalThis.fetch;
    readonly signal: AbortSignal | undefined;
  },
): Promise<UploadPackage> {
  const own: UploadExports = await import(PACKAGE);
  const writing: Writing = {
    repo: { type: "model", name: id },
    accessToken: token,
    hubUrl: endpoint,
    fetch,
  };
  const signed: typeof fetch = (input, init) =>
    fetch(input, {
      ...init,
      headers: {
        ...Object.fromEntries(new Headers(init?.headers)),
        authorization: `Bearer ${token}`,
      },
    });
  return {
    async create(isPrivate) {
      try {
        const visibility = isPrivate ? "private" : "public";
        await own.createRepo({ ...writing, visibility });
        return true;
      } catch (error) {
        const isThere = error instanceof Error && "statusCode" in error &&
          error.statusCode === 409;
        if (isThere) return false;
        throw error;
      }
    },
    async isPrivate() {
      const info: unknown = await own.modelInfo({
        name: id,
        revision: "main",
        hubUrl: endpoint,
        fetch: signed,
        additionalFields: ["sha"],
      });
      return typeof info === "object" && info !== null && "private" in info &&
        info.private === true;
    },
    async hashes() {
      const found = new Map<string, string>();
      const entries = own.listFiles({
        repo: { type: "model", name: id },
        recursive: true,
        revision: "main",
        hubUrl: endpoint,
        fetch: signed,
      });
      for await (const { type, path, oid, lfs } of entries) {
        const hash = lfs?.oid ?? oid;
        if (type !== "file" || typeof path !== "string") continue;
        if (typeof hash === "string") found.set(path, hash);
      }
      return found;
    },
    async text(path) {
      const response = await signed(`${endpoint}/${id}/resolve/main/${path}`);
      const text = await response.text();
      return response.ok ? text : "";
    },
    async commit({ title, files }) {
      const done = await own.commit({
        ...writing,
        title,
        operations: files.map((file) => ({
          operation: "addOrUpdate",
          ...file,
        })),
        abortSignal: signal,
        useXet: false, // its uploads run WebAssembly of their own; plain ones are taken too
      });
      return done?.commit.oid ?? "";
    },
  };
}

/** Loads the package. Tokens are added by the `fetch` that it gets. */
export async function hubPackage(): Promise<HubPackage> {
  const own: Exports = await import(PACKAGE);
  return {
    async commitOf({ id, kind, revision, endpoint, fetch }) {
      const ask = { name: id, revision, hubUrl: endpoint, fetch };
      const additionalFields = ["sha"];
      const info = kind === "model"
        ? await own.modelInfo({ ...ask, additionalFields })
        : await own.datasetInfo({ ...ask, additionalFields });
      return info.sha;
    },
    entriesOf({ id, kind, revision, endpoint, fetch }) {
      return own.listFiles({
        repo: { type: kind, name: id },
        recursive: true,
        revision,
        hubUrl: endpoint,
        fetch,
      });
    },
  };
}
