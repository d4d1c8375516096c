/**
 * The door to `@huggingface/hub`: imported by a computed specifier alone, see hub_package.ts.
 * @module
 */
// Not in deno.json: whatever is listed there is fetched by every run from a checkout.
// deno-lint-ignore no-import-prefix
import * as own from "npm:@huggingface/hub@^2.17.5";
import type { HubPackage } from "./hub_questions.ts";

/** The package, as far as it is used. Tokens are added by the `fetch` that it gets. */
export const hub: HubPackage = {
  async commitOf({ id, kind, revision, endpoint, fetch }) {
    const ask = { name: id, revision, hubUrl: endpoint, fetch };
    const info = kind === "model"
      ? await own.modelInfo({ ...ask, additionalFields: ["sha"] })
      : await own.datasetInfo({ ...ask, additionalFields: ["sha"] });
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
