/**
 * `denotune completions`
 * @module
 */
import {
  askedRegistry,
  type Command,
  ConfigError,
  defineCommand,
} from "@denotune/denotune/core";
import { z } from "zod";
import { bashScript, fishScript, zshScript } from "./scripts.ts";
import { wordsOf } from "./words.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** `denotune completions` */
export const completions: Command = defineCommand({
  details:
    "Prints a script with which a shell completes commands, flags, keys of run files and their values. It knows what is registered now, plugins named by --plugin included; completing starts no program.",
  arguments: [{
    name: "shell",
    description: "bash, zsh or fish",
    required: true,
  }],
  options: z.strictObject({
    name: z.string().regex(
      /^[\w.-]+$/,
      "must be a word: the name that you type",
    ).default("denotune").meta({ placeholder: "word" })
      .describe("The name by which denotune is installed"),
  }),
  help: (start) =>
    `Shells complete programs by name, so install one first:
  deno install --global -A --name denotune ${start.split(" ").at(-1)}

Examples:
  ${start} completions bash > ~/.local/share/bash-completion/completions/denotune
  ${start} completions zsh > ~/.zfunc/_denotune
  ${start} completions fish > ~/.config/fish/completions/denotune.fish`,
  permissions: () => [],
  async run({ name }, context) {
    const [shell] = context.arguments;
    if (shell !== "bash" && shell !== "zsh" && shell !== "fish") {
      throw new ConfigError(
        `There are completions for bash, zsh and fish, not for ${
          JSON.stringify(shell)
        }`,
      );
    }
    const words = await wordsOf(await askedRegistry(context));
    context.out.write(SCRIPTS[shell](words, name));
  },
});
