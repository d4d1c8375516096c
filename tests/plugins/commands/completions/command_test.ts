import assert from "node:assert/strict";
import {
  bashScript,
  fishScript,
  zshScript,
} from "../../../../plugins/commands/completions/scripts.ts";
import { wordsOf } from "../../../../plugins/commands/completions/words.ts";
import { builtinRegistry } from "../../../run_harness.ts";

const words = await wordsOf(builtinRegistry());

/** What a shell says when it runs a script. */
async function shell(name: string, script: string): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(name, {
    args: ["-c", script],
  }).output();
  const errors = new TextDecoder().decode(stderr);
  assert.ok(success && errors === "", errors);
  return new TextDecoder().decode(stdout).trim();
}

async function has(name: string): Promise<boolean> {
  try {
    return (await new Deno.Command(name, { args: ["-c", "exit"] }).output())
      .success;
  } catch {
    return false;
  }
}

/** The word that is typed last, and some of what is offered for it. */
const TYPED: readonly [string[], string[], string[]][] = [
  [["tr"], ["train"], ["generate"]],
  [["train", "optimizer.le"], ["optimizer.learning_rate="], []],
  [["train", "optimizer", "=", ""], ["adamw", "lion"], ["cosine"]],
  [["train", "optimizer", "="], ["adamw"], ["cosine"]],
  [["train", "data.masker", "=", "comp"], ["completion-only"], ["all"]],
  [["generate", "--pro"], ["--prompt"], ["--help"]],
  [["generate", "optimizer.le"], [], ["optimizer.learning_rate="]],
  [["help", "ev"], ["evaluate"], []],
];

for (const [typed, offered, not] of TYPED) {
  Deno.test(`bash completes: ${typed.join(" ")}`, async () => {
    const array = ["denotune", ...typed].map((word) => `'${word}'`).join(" ");
    const said = await shell(
      "bash",
      `${bashScript(words, "denotune")}
COMP_WORDS=(${array}); COMP_CWORD=${typed.length}; _denotune; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    const found = said.split("\n");
    for (const word of offered) assert.ok(found.includes(word), said);
    for (const word of not) assert.ok(!found.includes(word), said);
  });
}

Deno.test({
  name: "fish completes commands, flags, keys and values",
  ignore: !await has("fish"),
  fn: async () => {
    const script = fishScript(words, "denotune");
    const ask = (line: string) =>
      shell("fish", `${script}\ncomplete -C '${line}'`);
    assert.match(await ask("denotune tr"), /^train\ttrain a model/);
    assert.match(await ask("denotune train optimizer=ad"), /^optimizer=adamw/m);
    assert.match(await ask("denotune generate --pro"), /^--prompt\t/m);
  },
});

Deno.test({
  name: "zsh reads its script",
  ignore: !await has("zsh"),
  fn: async () => {
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(path, zshScript(words, "denotune"));
      await shell(
        "zsh",
        `autoload -Uz compinit; compinit -D -u; source ${path}; whence -w _denotune`,
      );
      assert.equal(await shell("zsh", `zsh -n ${path}; echo read`), "read");
    } finally {
      await Deno.remove(path);
    }
  },
});

Deno.test("a program of another name has functions of its own", () => {
  assert.match(
    bashScript(words, "my-tune"),
    /complete -o default -F _my_tune my-tune\n$/,
  );
});

Deno.test("every command, and every key that is documented, is known", () => {
  assert.ok(words.commands.length > 15);
  assert.ok(words.commands.every(({ flags }) => flags[0].flag === "--help"));
  const keys = words.keys.map(({ key }) => key);
  for (
    const key of [
      "model.path",
      "training.epochs",
      "adapter.r",
      "optimizer.betas",
      "data.max_length",
    ]
  ) {
    assert.ok(keys.includes(key), key);
  }
});
