import type { KindTemplate } from "../kind_template.ts";

/** The course of a run as Markdown. */
export const tracker: KindTemplate = {
  does:
    "A tracker for denotune: the course of a run as Markdown, in its folder.",
  part: `/** The course of a run as Markdown. @module */
import {
  definePart,
  definePlugin,
  type Plugin,
  type Tracker,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  file: z.string().default("STORY.md").describe("File in the run's folder"),
});

const part = definePart({
  kind: "tracker",
  name: "NAME",
  description: "The course of a run as Markdown",
  options,
  create({ file }): Tracker {
    const lines: string[] = [];
    let path = "";
    return {
      // once, before the first event
      start: ({ outputDir }) => void (path = \`\${outputDir}/\${file}\`),
      // each event in order, with the fields of metrics.jsonl; keep it short
      event(event) {
        if (event.event === "start") lines.push(\`# \${event.model}\`, "");
        if (event.event === "epoch") {
          lines.push(\`- epoch \${event.epoch}: loss \${event.epoch_loss}\`);
        }
        if (event.event === "end") lines.push("", \`\${event.status}.\`);
      },
      // once, whether or not the run succeeded
      close: () => Deno.writeTextFile(path, \`\${lines.join("\\n")}\\n\`),
    };
  },
});
`,
  test: `import assert from "node:assert/strict";
import { makePart, testTracker } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every tracker must do
testTracker(plugin.name, () => makePart(plugin, "tracker"));

// what is special about this one
Deno.test("the file is an option", async () => {
  const outputDir = await Deno.makeTempDir();
  try {
    const tracker = await makePart(plugin, "tracker", { file: "RUN.md" });
    await tracker.start({
      outputDir,
      totalSteps: 4,
      resumedAt: 0,
      settings: {},
    });
    await tracker.close();
    assert.equal(await Deno.readTextFile(\`\${outputDir}/RUN.md\`), "\\n");
  } finally {
    await Deno.remove(outputDir, { recursive: true });
  }
});
`,
  run: {
    more: `trackers: [console, jsonl, NAME]`,
  },
};
