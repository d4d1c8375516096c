/**
 * Styles of the page of examples.
 * @module
 */

/** CSS. */
export const INSPECT_STYLE: string = `
body { padding-bottom: 6rem; }
.controls { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: 1rem 0; padding: .6rem 1rem; }
.controls label { color: var(--soft); font-size: .875rem; }
.controls input, .controls select, button {
  font: inherit; font-size: .9375rem; color: var(--ink); background: var(--ground); border: 1px solid var(--line);
  border-radius: .4rem; padding: .25rem .5rem;
}
.controls input { width: 12rem; max-width: 100%; }
button { cursor: pointer; }
button:disabled { opacity: .45; cursor: default; }
#count { margin-left: auto; }
.legend { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: .5rem; }
.k, .tok { border-radius: .2rem; padding: 0 .06em; border-bottom: 2px solid transparent; }
.k { padding: 0 .5em; border-color: var(--line); background: var(--card); }
.trained { background: var(--trained); color: var(--trained-ink); border-bottom-color: var(--good); }
.weighted { background: var(--weighted); color: var(--weighted-ink); border-bottom-color: var(--over); }
.straddle { border-bottom: 2px dashed var(--bad); }
.pad { opacity: .45; font-style: italic; }
.example { margin: .8rem 0; }
.example header { display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline; margin-bottom: .5rem; }
.example header h3 { margin: 0; overflow-wrap: anywhere; }
.example header button { margin-left: auto; font-size: .8125rem; }
.tokens { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875rem; line-height: 1.75; white-space: pre-wrap; overflow-wrap: anywhere; cursor: default; max-height: 34rem; overflow-y: auto; }
.tok { margin-right: 1px; }
.tok.other { opacity: .3; }
.tok.at { outline: 2px solid var(--focus); outline-offset: 0; }
.tok .c { opacity: .55; }
.border { border-left: 3px solid var(--accent); margin-left: .2em; padding-left: .2em; }
.tok.hit { background: var(--over); color: #1c1400; }
.record { margin: 0 0 .5rem; }
.record summary { cursor: pointer; }
.record pre { margin: .3rem 0 .6rem; padding: .6rem .8rem; background: var(--ground); border: 1px solid var(--line); border-radius: .4rem; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 20rem; overflow-y: auto; }
#pages { display: flex; gap: .8rem; align-items: center; margin: 1rem 0; }
#bar { position: fixed; left: 0; right: 0; bottom: 0; background: var(--card); border-top: 1px solid var(--line); padding: .55rem 1.25rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
#bar b { font-weight: 650; }
#bar span { margin-right: 1.1rem; }
.tokentable { max-height: 34rem; overflow: auto; }
.tokentable table { width: auto; }
.tokentable th { position: sticky; top: 0; background: var(--card); }
.tokentable th, .tokentable td { padding-right: 1rem; }
.tokentable td.mono { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 6rem; max-width: 24rem; }
.touch { display: none; }
@media (hover: none) { .touch { display: inline; } .pointer { display: none; } }
@media (max-width: 40rem) {
  body { padding-left: .8rem; padding-right: .8rem; }
  .controls { position: static; }
  .controls label { flex: 1 1 100%; display: flex; gap: .5rem; align-items: center; }
  .controls input, .controls select { flex: 1; min-width: 0; width: auto; }
  .example { padding: .8rem; }
  .tokentable table { font-size: .8125rem; }
  .tokentable th, .tokentable td { padding-right: .6rem; }
}
.tokentable tr.trained td { border-bottom-color: var(--line); }
`;
