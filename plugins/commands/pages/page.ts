/**
 * The frame of a page that needs nothing else: no file, no network. A policy in its head forbids what it
 * does not need, so that text of the data can do nothing even where it slipped through.
 * @module
 */
import { createHash } from "node:crypto";
import { type Html, html } from "./html.ts";
import { PAGE_STYLE } from "./page_style.ts";

/** What a page is made of. */
export interface PageContent {
  readonly title: string;
  /** Styles besides those of every page. */
  readonly style?: string;
  /** Markup of the body, in parts: pages may be large. */
  readonly body: Iterable<Html>;
  /** The only script that may run. */
  readonly script?: string;
  /** Whether the script may send requests to the server that the page came from. Default: false. */
  readonly connects?: boolean;
}

/** The page, in parts. */
export function* page(
  { title, style = "", body, script, connects = false }: PageContent,
): Generator<string> {
  const styles = PAGE_STYLE + style;
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(styles)}'`,
    ...(script === undefined ? [] : [`script-src '${hashOf(script)}'`]),
    ...(connects ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  yield html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${policy}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <title>${title}</title>
        ${{ html: `<style>${styles}</style>` }}
      </head>
      <body>
  `.html;
  for (const part of body) yield part.html;
  if (script !== undefined) yield `<script>${script}</script>\n`;
  yield "</body>\n</html>\n";
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
