import assert from "node:assert/strict";
import { cliTrust } from "../../../core/cli/cli_trust.ts";
import type { UntrustedPlugin } from "../../../core/contracts/trust.ts";

const PLUGIN: UntrustedPlugin = {
  type: "plugin",
  specifier: "npm:@acme/masks@^1",
  place: "run.yaml:1:2",
  host: "registry.npmjs.org",
  version: "1.2.3",
  hash: `sha256-${"a".repeat(64)}`,
  changed: false,
  manifest: {
    name: "acme\x1b[31m",
    permissions: ["net", "read:/data"],
    parts: [{ kind: "masker", name: "tail" }, { kind: "format", name: "log" }],
  },
};

function asked(
  answers: readonly (string | null)[],
  given: { readonly all?: boolean; readonly silence?: string | null } = {},
) {
  const written: string[] = [];
  const left = [...answers];
  const policy = cliTrust({
    all: given.all ?? false,
    silence: given.silence ?? null,
    answer: () => Promise.resolve(left.shift() ?? null),
    err: {
      line: (text = "") => void written.push(`${text}\n`),
      write: (text) => void written.push(text),
      style: (_, text) => text,
    },
  });
  return { policy, text: () => written.join(""), left };
}

Deno.test("a terminal is asked once for each plugin and hash; only yes is yes", async () => {
  for (
    const [answer, isYes] of [
      ["y", true],
      [" YES ", true],
      ["", false],
      ["n", false],
      ["yep", false],
      [null, false],
    ] as const
  ) {
    const { policy, text } = asked([answer]);
    const refused = await policy.refusal(PLUGIN);
    assert.equal(refused === null, isYes, String(answer));
    assert.equal(await policy.refusal(PLUGIN), refused, "asked once");
    assert.equal(
      text(),
      `run.yaml:1:2: the plugin npm:@acme/masks@^1 is not trusted yet
  code      version 1.2.3 from registry.npmjs.org, ${PLUGIN.hash}
  brings    masker tail, format log
  asks for  net, read:/data
  It runs with all rights of this process: your files, the network, other programs.
Trust it? [y/N] `,
    );
  }
  const { policy, left } = asked(["y", "n"]);
  assert.equal(await policy.refusal(PLUGIN), null);
  const other = { ...PLUGIN, hash: `sha256-${"b".repeat(64)}`, changed: true };
  assert.match(await policy.refusal(other) ?? "", /none of its code was run/);
  assert.deepEqual(left, []);
});

Deno.test("--trust accepts, and says what", async () => {
  const { policy, text } = asked([], { all: true, silence: "CI is set" });
  assert.equal(await policy.refusal({ ...PLUGIN, changed: true }), null);
  assert.match(text(), /is not the code that you trusted: it has changed\n/);
  assert.match(text(), /Trusted, because --trust was given/);
  assert.ok(policy.remembers);
});

Deno.test("where nobody can be asked it is refused, with the flag and the line of the list", async () => {
  const { policy, text } = asked(["y"], {
    silence: "There is no terminal here",
  });
  assert.match(
    await policy.refusal(PLUGIN) ?? "",
    /^There is no terminal here, so nobody is asked\. To run its code, use --trust, or add this line to .*:\n- sha256-a{64}$/,
  );
  assert.equal(text(), "");
});
