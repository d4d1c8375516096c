/**
 * Styles of every page: light and dark by the reader's system.
 * @module
 */

/** CSS. */
export const PAGE_STYLE: string = `
:root {
  color-scheme: light dark;
  --ground: #fbfbfa; --card: #ffffff; --ink: #1c2024; --soft: #5a6370; --line: #dfe3e8;
  --accent: #2f6fd6; --accent-soft: #b9cff2; --over: #d98c1f;
  --bad: #b3261e; --bad-ground: #fbe9e7; --warning: #8a5a00; --warning-ground: #fdf1d8;
  --note: #4a5560; --note-ground: #eceff2;
  --good: #1a7f4b; --trained: #c4ecd0; --trained-ink: #0c3d22; --weighted: #f7e3a1; --weighted-ink: #4a3600;
  --focus: #1551b5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --card: #1c2024; --ink: #e6e9ec; --soft: #a0a9b4; --line: #343b43;
    --accent: #6ea2f5; --accent-soft: #2d4a78; --over: #e0a044;
    --bad: #ff9d94; --bad-ground: #44201d; --warning: #f0c060; --warning-ground: #3d3116;
    --note: #b6c0ca; --note-ground: #2a3036;
    --good: #6fd19a; --trained: #1d5235; --trained-ink: #d8f7e3; --weighted: #5c4a12; --weighted-ink: #fbedc0;
    --focus: #9cc2ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 68rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
p { margin: .25rem 0; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.mono, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875em; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .8rem; }
.tile b { display: block; font-size: 1.35rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .8125rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8125rem; }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.badge {
  display: inline-block; min-width: 4.6rem; text-align: center; border-radius: 1rem; padding: .05rem .6rem;
  font-size: .8125rem; font-weight: 650;
}
.bad { color: var(--bad); background: var(--bad-ground); }
.warning { color: var(--warning); background: var(--warning-ground); }
.note { color: var(--note); background: var(--note-ground); }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: .2rem; }
@media print { body { max-width: none; } details { break-inside: avoid; } }
`;
