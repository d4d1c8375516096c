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
