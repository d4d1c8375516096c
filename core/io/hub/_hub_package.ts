/**
 * The door to `@huggingface/hub`: imported by a computed specifier alone, see hub_package.ts.
 * @module
 */
// Not in deno.json: whatever is listed there is fetched by every run from a checkout.
// deno-lint-ignore no-import-prefix
import {
  datasetInfo,
  listFiles,
  modelInfo,
} from "npm:@huggingface/hub@^2.17.5";
import type { HubPackage } from "./hub_package.ts";

/** The package, as far as it is used. Tokens are added by the `fetch` that it gets. */
export const hub: HubPackage = {
  async commitOf({ id, kind, revision, endpoint, fetch }) {
    const ask = { name: id, revision, hubUrl: endpoint, fetch };
    const info = kind === "model"
      ? await modelInfo({ ...ask, additionalFields: ["sha"] })
      : await datasetInfo({ ...ask, additionalFields: ["sha"] });
    return info.sha;
  },
  entriesOf({ id, kind, revision, endpoint, fetch }) {
    return listFiles({
      repo: { type: kind, name: id },
      recursive: true,
      revision,
      hubUrl: endpoint,
      fetch,
    });
  },
};
