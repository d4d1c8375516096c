/**
 * Examples token by token as a page: the examples are data in it, drawn by its one script as they are
 * looked at, so that thousands of them open at once.
 * @module
 */
import type { InspectedToken } from "@denotune/denotune/core";
import { type Html, html, scriptJson } from "../pages/html.ts";
import { INSPECT_SCRIPT } from "./inspect_script.ts";
import { INSPECT_STYLE } from "./inspect_style.ts";
import { page } from "../pages/page.ts";

/** One example, or one row of a batch. */
export interface PageExample {
  readonly title: string;
  /** What it can be filtered by: `zero-loss`, `truncated`, `dropped`, `straddle`. */
  readonly flags: readonly string[];
  readonly note: string | null;
  /** The row that it was made of; absent in rows of a batch. */
  readonly raw?: unknown;
  readonly tokens: readonly InspectedToken[];
  /** Indices of tokens over trained and untrained text. */
  readonly straddling: readonly number[];
}

/** What the page shows. */
export interface InspectPageContent {
  readonly title: string;
  /** A line under the title. */
  readonly subtitle: string;
  readonly examples: Iterable<PageExample>;
}

/** The page, in parts: one for each example. */
export function inspectPage(content: InspectPageContent): Generator<string> {
  return page({
    title: content.title,
    style: INSPECT_STYLE,
    script: INSPECT_SCRIPT,
    body: bodyOf(content),
  });
}

function* bodyOf(content: InspectPageContent): Generator<Html> {
  yield html`
    <header>
      <h1>${content.title}</h1>
      <p class="soft">${content.subtitle}</p>
      <p
        class="small legend"><span class="k trained">trained</span> <span class="k weighted">weight not 1</span> <span class="k">only read</span> <span class="k straddle">over both</span> <span class="k pad">padding</span></p>
    </header>
    <noscript><p class="card">This page draws its examples with a script of its own; allow it to see them.</p></noscript>
    <form class="card controls" id="controls" role="search">
      <label>text <input id="text" type="search" placeholder="in the example" autocomplete="off"></label>
      <label>rows <select id="flag"><option value="">all</option><option value="zero-loss">zero loss</option><option value="truncated">truncated</option><option value="dropped">dropped</option><option value="straddle">straddle</option></select></label>
      <label>role <select id="role"><option value="">any</option></select></label>
      <label>order <select id="order"><option value="">as read</option><option value="longest">longest first</option><option value="least">least trained first</option></select></label>
      <output id="count" class="soft small" aria-live="polite"></output>
    </form>
    <main id="examples"></main>
    <nav id="pages"
      aria-label="pages"><button type="button" id="before">earlier</button> <span id="place" class="soft small"></span> <button type="button" id="after">later</button></nav>
    <div id="bar"
      role="status"><span class="soft"><span class="pointer">Point at a token, or go through them with the arrow keys.</span><span class="touch">Tap a token.</span></span></div>
  `;
  for (const example of content.examples) {
    yield {
      html: `<script type="application/json" class="e">${
        scriptJson(packed(example))
      }</script>\n`,
    };
  }
}

/** Runs of equal values as [value, length]. */
type Runs = (readonly [number | string, number])[];

/** An example as the page's script reads it. */
interface Packed {
  /** Title, flags, note. */
  readonly t: string;
  readonly f: readonly string[];
  readonly n: string | null;
  /** The row it was made of, as JSON. */
  readonly d?: string;
  /** Texts and ids of the tokens. */
  readonly x: readonly string[];
  readonly i: readonly number[];
  /** Weights, roles, segments, in runs. */
  readonly w: Runs;
  readonly r: Runs;
  readonly s: Runs;
  /** Positions; absent where they count from 0 in each segment. */
  readonly p?: readonly number[];
  /** Straddling tokens. */
  readonly k: readonly number[];
}

function packed(
  { title, flags, note, raw, tokens, straddling }: PageExample,
): Packed {
  const s = runsOf(tokens.map((t) => t.segment));
  const counted = s.flatMap(([segment, n]) =>
    Array.from({ length: n }, (_, p) => segment === 0 ? 0 : p)
  );
  const isCounted = tokens.every((t, i) => t.position === counted[i]);
  return {
    t: title,
    f: flags,
    n: note,
    ...(raw === undefined ? {} : { d: recordText(raw) }),
    x: tokens.map((t) => t.text),
    i: tokens.map((t) => t.id),
    w: runsOf(tokens.map((t) => Number(t.weight.toPrecision(4)))),
    r: runsOf(
      tokens.map((t) =>
        t.role === null ? "" : t.kind === "end" ? `${t.role} end` : t.role
      ),
    ),
    s,
    ...(isCounted ? {} : { p: tokens.map((t) => t.position) }),
    k: straddling,
  };
}

/** Characters of a row that a page holds. */
const RECORD = 20_000;

function recordText(raw: unknown): string {
  const text = JSON.stringify(raw, null, 2);
  return text.length <= RECORD
    ? text
    : `${text.slice(0, RECORD)}... (${text.length - RECORD} more characters)`;
}

function runsOf(values: readonly (number | string)[]): Runs {
  const runs: [number | string, number][] = [];
  for (const value of values) {
    const last = runs[runs.length - 1];
    if (last !== undefined && last[0] === value) last[1]++;
    else runs.push([value, 1]);
  }
  return runs;
}
