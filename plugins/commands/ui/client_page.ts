/**
 * What the browser gets: one page, and one script made of the functions in `client/`. They are code of this program,
 * turned into text when the page asks, so that nothing is built and no file must be found beside a remote module.
 * Each is a function of `app`, in which it finds those before it, and uses nothing outside of itself.
 * @module
 */
import { elements } from "./client/elements.js";
import { numbers } from "./client/numbers.js";
import { server } from "./client/server.js";
import { chart } from "./client/chart.js";
import { runList } from "./client/run_list.js";
import { batchView } from "./client/batch_view.js";
import { runFacts } from "./client/run_facts.js";
import { runControls } from "./client/run_controls.js";
import { runCharts } from "./client/run_charts.js";
import { runView } from "./client/run_view.js";
import { compareView } from "./client/compare_view.js";
import { start } from "./client/start.js";

/** In the order in which they find each other. */
const PARTS: readonly { readonly name: string; readonly code: unknown }[] = [
  { name: "elements", code: elements },
  { name: "numbers", code: numbers },
  { name: "server", code: server },
  { name: "chart", code: chart },
  { name: "runList", code: runList },
  { name: "batchView", code: batchView },
  { name: "runFacts", code: runFacts },
  { name: "runControls", code: runControls },
  { name: "runCharts", code: runCharts },
  { name: "runView", code: runView },
  { name: "compareView", code: compareView },
  { name: "start", code: start },
];

/** The script. */
export function clientScript(): string {
  const parts = PARTS.map(({ name, code }) => `app.${name} = (${code})(app);`);
  return `"use strict";\n{\nconst app = {};\n${parts.join("\n")}\n}\n`;
}

/** The page, which the script fills. */
export function clientPage(): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>denotune</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="charts.css">
<link rel="stylesheet" href="app.css">
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header class="top">
<a class="brand" href="#/">denotune</a>
<span id="folder" class="soft"></span>
<span id="connection" role="status"></span>
</header>
<main id="main" tabindex="-1"><p class="soft">Reading the runs ...</p></main>
<noscript><p class="card">This page draws what it shows with a script of its own; allow scripts to see it.</p></noscript>
<script src="charts.js"></script>
<script src="app.js"></script>
</body>
</html>
`;
}
