/**
 * Styles of the live page, over those of every page.
 * @module
 */
import { PAGE_STYLE } from "../pages/page_style.ts";

/** CSS. */
export const CLIENT_STYLE: string = `${PAGE_STYLE}
:root {
  --c0: #2f6fd6; --c1: #c4541d; --c2: #1a7f4b; --c3: #8b3fb0; --c4: #b3261e;
  --c5: #0f7c8a; --c6: #8a6d00; --c7: #c2347f; --c8: #4a5560; --c9: #5a7d12;
}
@media (prefers-color-scheme: dark) {
  :root {
    --c0: #6ea2f5; --c1: #f0935c; --c2: #6fd19a; --c3: #c99af0; --c4: #ff9d94;
    --c5: #63cbd8; --c6: #e3c55c; --c7: #f593c4; --c8: #b6c0ca; --c9: #b2d667;
  }
}
body { max-width: 78rem; padding-top: 0; }
[hidden] { display: none !important; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .3rem .6rem; z-index: 3; }
main:focus { outline: none; }
.top {
  display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap; padding: .8rem 0 .7rem; margin-bottom: 1rem;
  border-bottom: 1px solid var(--line);
}
.brand { font-weight: 700; color: var(--ink); text-decoration: none; }
#folder { font-size: .8125rem; overflow-wrap: anywhere; flex: 1; }
.lost { color: var(--bad); background: var(--bad-ground); border-radius: 1rem; padding: .1rem .7rem; font-size: .8125rem; }
.busy > * { visibility: hidden; }
.bar { display: flex; flex-wrap: wrap; gap: .5rem 1.1rem; align-items: center; margin: .5rem 0 .9rem; }
.head { display: flex; flex-wrap: wrap; gap: .25rem .9rem; align-items: center; }
.head h1 { margin: 0; }
.crumbs { margin: 0 0 .3rem; }
.button, button {
  font: inherit; font-size: .9375rem; color: var(--ink); background: var(--card); border: 1px solid var(--line);
  border-radius: .45rem; padding: .3rem .8rem; cursor: pointer; text-decoration: none; display: inline-block;
}
.button:hover, button:hover { border-color: var(--accent); }
.button.off, button:disabled { color: var(--soft); cursor: default; border-color: var(--line); }
input[type=search], textarea, select {
  font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: .4rem;
  padding: .25rem .5rem; max-width: 100%;
}
input[type=range] { accent-color: var(--accent); vertical-align: middle; width: 8rem; }
input[type=checkbox] { accent-color: var(--accent); width: 1.05rem; height: 1.05rem; vertical-align: -.15em; }
.state-running { color: var(--trained-ink); background: var(--trained); }
.state-preparing { color: var(--weighted-ink); background: var(--weighted); }
.state-finished { color: var(--accent); background: var(--ground); box-shadow: inset 0 0 0 1px var(--accent-soft); }
.state-stopped { color: var(--note); background: var(--note-ground); }
.state-failed { color: var(--bad); background: var(--bad-ground); }
.progress { display: inline-flex; gap: .6rem; align-items: center; }
progress { appearance: none; width: 6rem; height: .45rem; border: 0; border-radius: 1rem; overflow: hidden; background: var(--line); }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent); }
progress::-moz-progress-bar { background: var(--accent); }
.far { margin: .6rem 0 0; }
.far .progress { display: flex; }
.far progress { flex: 1; max-width: none; }
.runs table { min-width: 44rem; }
.runs th[scope=row] { font-size: .9375rem; color: var(--ink); overflow-wrap: anywhere; max-width: 24rem; }
.runs .model { display: block; font-weight: 400; }
.runs td, .runs th { vertical-align: middle; }
.pick { width: 2rem; }
.none { color: var(--soft); }
.reason { margin: .75rem 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 14rem; overflow-y: auto; }
.tile b { overflow-wrap: anywhere; }
.tile span { display: block; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .9rem; }
.chart { margin: 0; padding: .7rem .8rem .5rem; min-width: 0; }
.chart.main { grid-column: 1 / -1; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between; min-height: 1.6rem; }
.chart h3 { overflow-wrap: anywhere; }
.readout { color: var(--soft); font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.entry { display: inline-block; margin-right: .9rem; }
.entry:last-child { margin-right: 0; }
.entry .swatch { margin-right: .3rem; }
.plot { min-height: 220px; }
.plot .none { padding: 5.5rem 0 0; text-align: center; }
.u-select { background: var(--accent-soft); opacity: .4; }
.u-cursor-x, .u-cursor-y { border-color: var(--soft); }
.swatch { display: inline-block; width: .75rem; height: .75rem; border-radius: .2rem; margin-right: .45rem; vertical-align: -.05em; }
.c0 { background: var(--c0); }
.c1 { background: var(--c1); }
.c2 { background: var(--c2); }
.c3 { background: var(--c3); }
.c4 { background: var(--c4); }
.c5 { background: var(--c5); }
.c6 { background: var(--c6); }
.c7 { background: var(--c7); }
.c8 { background: var(--c8); }
.c9 { background: var(--c9); }
tbody tr:last-child > * { border-bottom: 0; }
.accent { background: var(--accent); }
.accent-soft { background: var(--accent-soft); }
.settings td { overflow-wrap: anywhere; min-width: 7rem; }
.jump { display: flex; flex-wrap: wrap; gap: .1rem 1rem; }
button.link { border: 0; background: none; padding: .2rem 0; color: var(--accent); text-decoration: underline; font-size: .875rem; }
h2[tabindex] { outline-offset: .3rem; }
section h2 { scroll-margin-top: .75rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8125rem; max-height: 18rem; overflow-y: auto; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem 1rem; margin: 0; }
.facts dt { color: var(--soft); font-size: .8125rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.sample { margin-bottom: .7rem; }
.sample h3, .sample dd { white-space: pre-wrap; overflow-wrap: anywhere; }
.sample dl { margin: .3rem 0 0; }
.sample dd { margin: 0 0 .5rem; }
details summary { cursor: pointer; margin: .6rem 0; color: var(--accent); }
.prompts label { display: block; font-weight: 600; }
.prompts textarea { display: block; width: 100%; margin-top: .3rem; font-weight: 400; }
.log td { white-space: pre-wrap; overflow-wrap: anywhere; }
.log td.n { white-space: nowrap; }
.log .warned td { color: var(--warning); }
.table.card { max-height: 32rem; overflow: auto; }
/* a shadow at the edge behind which columns are hidden: the covers scroll with the table, the shadows do not */
.table.card {
  background:
    linear-gradient(to right, var(--card) 40%, transparent) left / 2rem 100% local no-repeat,
    linear-gradient(to left, var(--card) 40%, transparent) right / 2rem 100% local no-repeat,
    linear-gradient(to right, var(--line), transparent) left / .7rem 100% scroll no-repeat,
    linear-gradient(to left, var(--line), transparent) right / .7rem 100% scroll no-repeat,
    var(--card);
}
.table.runs { max-height: none; }
.settings th { min-width: 11rem; overflow-wrap: anywhere; }
td.bars { width: 40%; }
td.bars progress { width: 100%; }
progress.now::-webkit-progress-value { background: var(--over); }
progress.now::-moz-progress-bar { background: var(--over); }
.choice { border: 0; padding: 0; margin: 0; display: flex; gap: .2rem .9rem; flex-wrap: wrap; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem .4rem; }
.k { border-radius: .25rem; padding: 0 .4rem; border: 1px solid var(--line); }
.row { margin: .6rem 0; padding: .6rem .8rem; }
.tokens { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.75; max-height: 16rem; overflow-y: auto; font-size: .9375rem; }
.tok { border-radius: .15rem; padding: .1rem 0; box-shadow: inset -1px 0 0 var(--ground); color: var(--soft); }
.tok.at { outline: 2px solid var(--focus); }
.tok[class*=" l"], .tok[class*=" w"], .tok[class*=" r-"] { color: var(--ink); }
.border { color: var(--bad); padding: 0 .3rem; }
.detail { display: block; position: sticky; bottom: .5rem; padding: .35rem .7rem; overflow-wrap: anywhere; box-shadow: 0 0 .6rem var(--line); }
.l0 { background: #d9f2e0; } .l1 { background: #eef3c4; } .l2 { background: #fbe9a8; }
.l3 { background: #fbd3a0; } .l4 { background: #f8bba6; } .l5 { background: #f2a3b3; }
.w1 { background: var(--trained); } .w2 { background: var(--weighted); }
.r-system { background: #e4dcf5; } .r-user { background: #d6e6fb; } .r-assistant { background: #d9f2e0; } .r-tool { background: #fbe9a8; }
@media (prefers-color-scheme: dark) {
  .l0 { background: #173f28; } .l1 { background: #39430f; } .l2 { background: #51400a; }
  .l3 { background: #5e3508; } .l4 { background: #682713; } .l5 { background: #701d33; }
  .r-system { background: #3a2d5c; } .r-user { background: #1f3a5f; } .r-assistant { background: #1d5235; } .r-tool { background: #51400a; }
}
@media (max-width: 40rem) {
  body { padding-left: .8rem; padding-right: .8rem; }
  .wide { display: none; }
  .runs { padding: 0 .8rem; }
  .runs table { min-width: 0; }
  .runs thead { display: none; }
  .runs tr { display: grid; grid-template-columns: 2rem 1fr auto; padding: .6rem 0; border-bottom: 1px solid var(--line); }
  .runs tr:last-child { border: 0; }
  .runs td, .runs th { border: 0; padding: .1rem 0; }
  .runs td.n, .runs td[data-label] { grid-column: 2 / -1; text-align: left; }
  .runs td.n[data-label]::before { content: attr(data-label) ": "; color: var(--soft); }
}
`;
