/**
 * What is asked of the Hub, and what of its package is used.
 * @module
 */
import type { HubKind } from "./hub_cache.ts";

/** A question to the Hub about one repository. */
export interface HubQuestion {
  readonly id: string;
  readonly kind: HubKind;
  /** Branch, tag or commit. */
  readonly revision: string;
  readonly endpoint: string;
  readonly fetch: typeof fetch;
}

/** An entry of the Hub's file list, unchecked. */
export interface ListedEntry {
  readonly type: unknown;
  readonly path: unknown;
  readonly size: unknown;
  /** git's name of the content (of the pointer, where there is `lfs`). */
  readonly oid?: unknown;
  /** For large files: SHA-256 and size of the content. */
  readonly lfs?: { readonly oid: unknown; readonly size: unknown };
}

/** What of `@huggingface/hub` is used. */
export interface HubPackage {
  /** The commit of a revision, unchecked. */
  commitOf(question: HubQuestion): Promise<unknown>;
  /** All entries of a revision, folder by folder. */
  entriesOf(question: HubQuestion): AsyncIterable<ListedEntry>;
}
