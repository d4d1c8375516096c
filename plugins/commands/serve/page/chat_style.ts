/**
 * Styles of the page at `/`: the conversation scrolls between a head and a foot that stay.
 * @module
 */

/** CSS. */
export const CHAT_STYLE: string = `
html, body { height: 100%; }
body {
  display: flex; flex-direction: column; height: 100dvh; max-width: 52rem; padding: .75rem 1rem; gap: .6rem;
}
header { display: flex; align-items: center; gap: .75rem; flex: none; }
header h1 { font-size: 1.1rem; margin: 0; }
.model { display: flex; align-items: center; gap: .5rem; margin-left: auto; min-width: 0; }
.model select { min-width: 0; max-width: 18rem; text-overflow: ellipsis; }
button, select, input, textarea {
  font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .4rem .7rem;
}
button { cursor: pointer; min-height: 2.5rem; }
button:hover { border-color: var(--accent); }
button:disabled { opacity: .5; cursor: default; }
#send { background: var(--focus); border-color: var(--focus); color: var(--ground); font-weight: 600; }
#stop { border-color: var(--bad); color: var(--bad); font-weight: 600; }
.settings { flex: none; }
.settings summary { cursor: pointer; color: var(--soft); font-size: .875rem; padding: .2rem 0; width: max-content; }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; padding: .4rem 0; }
.fields label { display: flex; flex-direction: column; gap: .2rem; font-size: .875rem; color: var(--soft); min-width: 0; }
.fields .wide { grid-column: 1 / -1; }
.fields input, .fields textarea { width: 100%; resize: vertical; }
#log { flex: 1; min-height: 0; overflow-y: auto; display: flex; flex-direction: column; gap: .9rem; padding: .25rem .1rem; }
#empty { margin: auto; text-align: center; }
.turn { max-width: 100%; }
.turn .who { font-size: .8125rem; font-weight: 600; color: var(--soft); margin: 0 0 .15rem; }
.turn .said {
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; margin: 0; border-radius: .6rem;
}
.turn.user { align-self: flex-end; max-width: 85%; }
.turn.user .who { text-align: right; }
.turn.user .said { background: var(--accent-soft); padding: .5rem .8rem; }
.turn .part {
  border-left: 3px solid var(--line); padding: .1rem 0 .1rem .7rem; margin: 0 0 .4rem; color: var(--soft); font-size: .9375rem;
}
.turn .part summary { cursor: pointer; }
.turn .part pre {
  font-family: inherit; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; margin: .3rem 0 0;
}
.turn .call pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875em; }
.turn.writing .said::after { content: "\\258d"; color: var(--accent); }
.turn .end { font-size: .8125rem; color: var(--soft); margin: .3rem 0 0; }
.problem { flex: none; border-radius: .5rem; padding: .5rem .8rem; margin: 0; overflow-wrap: anywhere; }
form { flex: none; display: grid; grid-template-columns: 1fr auto; gap: .3rem .6rem; align-items: end; }
#message { resize: none; max-height: 12rem; min-height: 2.5rem; width: 100%; line-height: 1.4; }
.hint { grid-column: 1 / -1; margin: 0; }
[hidden] { display: none !important; }
@media (max-width: 32rem) {
  body { padding: .5rem .7rem; }
  .model span, .hint { display: none; }
  header h1 { font-size: 1rem; }
  .model { flex: 1; } .model select { width: 100%; }
  input, select, textarea { font-size: 16px; } /* smaller ones make phones zoom in */
  .turn.user { max-width: 92%; }
}
@media (prefers-reduced-motion: no-preference) {
  .turn.writing .said::after { animation: blink 1.1s steps(2) infinite; }
  @keyframes blink { 50% { opacity: 0; } }
}
`;
