/**
 * Text that is safe in a page: whatever is put into a template is escaped, unless it came from one.
 * @module
 */

/** Markup that is safe as it is. */
export interface Html {
  readonly html: string;
}

/** What can be put into a template. */
export type HtmlValue = string | number | Html | readonly HtmlValue[] | null;

/** Markup in which every value is escaped: `` html`<b>${text}</b>` ``. */
export function html(
  strings: TemplateStringsArray,
  ...values: readonly HtmlValue[]
): Html {
  let out = strings[0];
  for (const [i, value] of values.entries()) {
    out += markupOf(value) + strings[i + 1];
  }
  return { html: out };
}

function markupOf(value: HtmlValue): string {
  if (value === null) return "";
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  if ("html" in value) return value.html;
  return value.map(markupOf).join("");
}

/** Text as a page shows it, in elements and in quoted attributes. Characters that turn text around are shown as codes. */
export function escapeHtml(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex -- what pages may not hold
    /[&<>"'`\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (c) =>
      ENTITIES.get(c) ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
  ["`", "&#96;"],
]);

/** JSON that is safe within `<script type="application/json">`: nothing in it ends the script. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
