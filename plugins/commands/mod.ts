/**
 * The built-in commands, in the order of their help. A command's module is loaded when it is called.
 * @module
 */
import { type Command, definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";

const none = z.strictObject({});

function command(
  name: string,
  description: string,
  create: () => Promise<Command>,
): Part<"command", z.input<typeof none>, z.output<typeof none>> {
  return definePart({
    kind: "command",
    name,
    description,
    options: none,
    create,
  });
}

/** Every built-in command. */
export const commands: readonly Part<
  "command",
  Record<string, never>,
  Record<string, never>
>[] = [
  command(
    "train",
    "train a model as a run file says",
    async () => (await import("./train.ts")).train,
  ),
  command(
    "ui",
    "show runs in the browser, while they train and afterwards",
    async () => (await import("./ui/command.ts")).ui,
  ),
  command(
    "report",
    "summarize a run as text and as a page",
    async () => (await import("./report/command.ts")).report,
  ),
  command(
    "generate",
    "ask a trained model",
    async () => (await import("./generate/generate.ts")).generate,
  ),
  command(
    "chat",
    "talk to a model in the terminal",
    async () => (await import("./chat/command.ts")).chat,
  ),
  command(
    "serve",
    "answer clients of OpenAI's API over HTTP",
    async () => (await import("./serve/command.ts")).serve,
  ),
  command(
    "evaluate",
    "measure saved models, and compare them",
    async () => (await import("./evaluate/command.ts")).evaluate,
  ),
  command(
    "init",
    "write a run file for a data file",
    async () => (await import("./init/init.ts")).init,
  ),
  command(
    "check",
    "check a run without training: config, data, memory",
    async () => (await import("./check.ts")).check,
  ),
  command(
    "inspect",
    "show what is trained, token by token",
    async () => (await import("./inspect/inspect.ts")).inspect,
  ),
  command(
    "prepare",
    "write the rows as training gets them",
    async () => (await import("./prepare.ts")).prepare,
  ),
  command(
    "merge",
    "fold an adapter into its base",
    async () => (await import("./merge.ts")).merge,
  ),
  command(
    "export",
    "write a model for other tools, and compare it with what was trained",
    async () => (await import("./export/command.ts")).exportCommand,
  ),
  command(
    "push",
    "send a model to the Hub, with a card made from its run",
    async () => (await import("./push/command.ts")).push,
  ),
  command(
    "analyze",
    "report on the quality of the data",
    async () => (await import("./analyze/command.ts")).analyze,
  ),
  command(
    "plugins",
    "list the parts that can be chosen, and their options",
    async () => (await import("./plugins.ts")).plugins,
  ),
  command(
    "schema",
    "print the JSON Schema of the run file",
    async () => (await import("./schema.ts")).schema,
  ),
  command(
    "completions",
    "print a script with which a shell completes commands and keys",
    async () => (await import("./completions/command.ts")).completions,
  ),
  command(
    "doctor",
    "show what denotune finds on this machine",
    async () => (await import("./doctor.ts")).doctor,
  ),
];
