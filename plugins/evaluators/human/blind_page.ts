/**
 * The page of a blind comparison: one pair at a time, chosen by mouse or keys, votes kept in the browser and exported
 * as JSON Lines. It needs nothing else: no file, no network.
 * @module
 */
import { createHash } from "node:crypto";

/** Two answers to a prompt. */
export interface BlindPair {
  /** Of the prompt and both answers. */
  readonly id: string;
  readonly prompt: string;
  readonly a: string;
  readonly b: string;
  /** Which model wrote answer A. */
  readonly a_is: "tuned" | "base";
}

/** The page, complete. It does not hold which model wrote what. */
export function blindPage(pairs: readonly BlindPair[]): string {
  const shown = pairs.map(({ id, prompt, a, b }) => ({ id, prompt, a, b }));
  // nothing in the data ends the script element
  const data = JSON.stringify(shown).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const policy = `default-src 'none'; style-src '${
    hashOf(STYLE)
  }'; script-src '${hashOf(SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Which answer is better?</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>Which answer is better?</h1>
<p id="progress" role="status"></p>
<div class="meter" aria-hidden="true"><div id="bar"></div></div></header>
<main id="pair">
<section class="card"><h2>Prompt</h2><p id="prompt" class="text"></p></section>
<div class="two">
<section class="card"><h2>Answer A</h2><p id="a" class="text"></p></section>
<section class="card"><h2>Answer B</h2><p id="b" class="text"></p></section>
</div>
<div class="votes" role="group" aria-label="Your vote">
<button type="button" data-vote="a">A is better</button>
<button type="button" data-vote="tie">About equal</button>
<button type="button" data-vote="b">B is better</button>
</div>
<nav><button type="button" id="back" class="quiet">Back</button>
<button type="button" id="skip" class="quiet">Skip</button></nav>
<p class="soft">Keys: 1 for A, 2 for equal, 3 for B, arrows to move. Votes are kept in this browser.</p>
</main>
<footer class="card"><label>Your name <input id="voter" autocomplete="name"></label>
<button type="button" id="export">Export votes</button>
<button type="button" id="clear" class="quiet">Delete votes</button>
<textarea id="lines" readonly hidden aria-label="Votes as JSON Lines" rows="6"></textarea></footer>
<script type="application/json" id="pairs">${data}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

const STYLE = `
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #fff; --ink: #1c2024; --soft: #5a6370; --line: #dfe3e8; --accent: #2f6fd6; --on: #fff; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1c2024; --ink: #e6e9ec; --soft: #a0a9b4; --line: #343b43; --accent: #6ea2f5; --on: #10151c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem 1rem 3rem; max-width: 64rem; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: .875rem; margin: 0 0 .3rem; color: var(--soft); }
p { margin: .3rem 0; }
.soft { color: var(--soft); font-size: .875rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; margin: .8rem 0; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; min-height: 1.5em; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: .8rem; }
.two .card { margin: 0; }
.meter { height: .4rem; background: var(--line); border-radius: .2rem; overflow: hidden; }
#bar { height: 100%; width: 0; background: var(--accent); }
.votes { display: grid; grid-template-columns: repeat(3, 1fr); gap: .6rem; margin: .9rem 0 .5rem; }
nav { display: flex; gap: .6rem; }
button { font: inherit; font-weight: 600; padding: .6rem .8rem; border-radius: .5rem; border: 1px solid var(--accent); background: var(--accent); color: var(--on); cursor: pointer; }
button.quiet, .votes button[aria-pressed="false"] { background: transparent; color: var(--ink); border-color: var(--line); }
button:focus-visible, input:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
input { font: inherit; padding: .4rem .5rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--ground); color: var(--ink); margin: 0 .6rem 0 .3rem; }
footer { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; }
textarea { width: 100%; font: .8125rem ui-monospace, monospace; background: var(--ground); color: var(--ink); border: 1px solid var(--line); border-radius: .4rem; }
textarea[hidden] { display: none; }
`;

const SCRIPT = `
"use strict";
const pairs = JSON.parse(document.getElementById("pairs").textContent);
const at = (id) => document.getElementById(id);
const key = "denotune-votes-" + pairs.map((p) => p.id).join("").slice(0, 64);
let kept = {};
try { kept = JSON.parse(localStorage.getItem(key) || "{}"); } catch { kept = {}; }
const votes = kept.votes || {};
at("voter").value = kept.voter || "";
let index = Math.max(0, pairs.findIndex((p) => !votes[p.id]));
const keep = () => { try { localStorage.setItem(key, JSON.stringify({ votes, voter: at("voter").value })); } catch { /* private windows */ } };
function show() {
  const pair = pairs[index];
  const done = pairs.filter((p) => votes[p.id]).length;
  at("progress").textContent = "Pair " + (index + 1) + " of " + pairs.length + ", " + done + " voted";
  at("bar").style.width = (100 * done / Math.max(1, pairs.length)) + "%";
  if (!pair) return;
  for (const name of ["prompt", "a", "b"]) at(name).textContent = pair[name] || "(nothing)";
  for (const button of document.querySelectorAll("[data-vote]")) {
    button.setAttribute("aria-pressed", String(votes[pair.id] === button.dataset.vote));
  }
}
function move(by) { index = Math.min(pairs.length - 1, Math.max(0, index + by)); show(); }
function vote(what) { if (!pairs[index]) return; votes[pairs[index].id] = what; keep(); move(1); }
for (const button of document.querySelectorAll("[data-vote]")) button.addEventListener("click", () => vote(button.dataset.vote));
at("back").addEventListener("click", () => move(-1));
at("skip").addEventListener("click", () => move(1));
at("voter").addEventListener("input", keep);
document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
  const what = { 1: "a", 2: "tie", 3: "b" }[event.key];
  if (what) vote(what);
  if (event.key === "ArrowLeft") move(-1);
  if (event.key === "ArrowRight") move(1);
});
at("export").addEventListener("click", () => {
  const voter = at("voter").value;
  const lines = pairs.filter((p) => votes[p.id]).map((p) => JSON.stringify({ id: p.id, vote: votes[p.id], voter }) + "\\n").join("");
  at("lines").hidden = false;
  at("lines").value = lines;
  at("lines").select();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines], { type: "application/x-ndjson" }));
  link.download = "votes.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
});
at("clear").addEventListener("click", () => {
  if (!confirm("Delete all votes of this page?")) return;
  for (const id of Object.keys(votes)) delete votes[id];
  keep();
  index = 0;
  show();
});
show();
`;
