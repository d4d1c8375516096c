/**
 * A plugin with a tracker: the story of a run as a Markdown file in its folder.
 * @module
 */
import {
  definePart,
  definePlugin,
  type Tracker,
} from "@denotune/denotune/core";
import { z } from "zod";

const markdown = definePart({
  kind: "tracker",
  name: "markdown",
  description: "Writes the run's story as Markdown",
  options: z.strictObject({
    file: z.string().default("STORY.md").describe("File in the run folder"),
  }),
  create({ file }): Tracker {
    const lines: string[] = [];
    let path = "";
    return {
      start: ({ outputDir }) => void (path = `${outputDir}/${file}`),
      event(event) {
        if (event.event === "start") lines.push(`# ${event.model}`, "");
        if (event.event === "epoch") {
          lines.push(`- epoch ${event.epoch}: loss ${event.epoch_loss}`);
        }
        if (event.event === "notice") lines.push(`- ${event.message}`);
        if (event.event === "end") lines.push("", `${event.status}.`);
      },
      close: () => Deno.writeTextFile(path, `${lines.join("\n")}\n`),
    };
  },
});

const name = "markdown-tracker";
export default definePlugin({ name, api: 1, parts: [markdown] });
