/**
 * What every masker must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import type { Masker, TextSpan, Tokenized } from "@denotune/denotune/core";

/** Registers the tests of a masker. */
export function testMasker(
  name: string,
  make: () => Masker | Promise<Masker>,
): void {
  for (
    const [shape, tokenized] of [["a chat", chat()], [
      "prompt and completion",
      prompted(),
    ], ["nothing", empty()]] as const
  ) {
    Deno.test(`${name}: gives every span and token of ${shape} a weight that is finite and not negative`, async () => {
      const masker = await make();
      const weights = masker.weights(tokenized);
      assert.equal(weights.length, tokenized.spans.length);
      assert.ok(weights.every((weight) => weight >= 0 && weight < Infinity));
      const T = tokenized.encoding.ids.length;
      const changed =
        masker.tokenWeights?.(tokenized, new Float32Array(T).fill(1)) ??
          new Float32Array(T);
      assert.equal(changed.length, T);
      assert.ok(changed.every((weight) => weight >= 0 && weight < Infinity));
    });

    Deno.test(`${name}: says the same of ${shape} each time`, async () => {
      const masker = await make();
      assert.deepEqual(masker.weights(tokenized), masker.weights(tokenized));
    });
  }

  Deno.test(`${name}: trains something of a chat, its last end included`, async () => {
    const tokenized = chat();
    const weights = (await make()).weights(tokenized);
    assert.ok(weights[tokenized.spans.length - 1] > 0);
  });
}

/** One token a character. */
function tokenize(text: string, spans: readonly TextSpan[]): Tokenized {
  const starts = Int32Array.from({ length: text.length }, (_, i) => i);
  return {
    text,
    spans,
    encoding: {
      ids: Int32Array.from(text, (c) => c.charCodeAt(0)),
      starts,
      ends: starts.map((i) => i + 1),
    },
  };
}

function chat(): Tokenized {
  // "u:Hi.\na:Yo.\n" twice: content and end (".") of each turn
  const text = "u:Hi.\na:Yo.\nu:Hi.\na:Yo.\n";
  const spans: TextSpan[] = [0, 1, 2, 3].flatMap((message): TextSpan[] => {
    const at = 6 * message + 2;
    const given = {
      role: message % 2 ? "assistant" : "user",
      message,
      generated: message % 2 === 1,
      weight: 1,
    } as const;
    return [{ ...given, start: at, end: at + 2, kind: "content" }, {
      ...given,
      start: at + 2,
      end: at + 3,
      kind: "end",
    }];
  });
  return tokenize(text, spans);
}

function prompted(): Tokenized {
  return tokenize("Q: A.", [
    {
      start: 0,
      end: 3,
      role: "prompt",
      message: 0,
      kind: "content",
      generated: false,
      weight: 1,
    },
    {
      start: 3,
      end: 4,
      role: "completion",
      message: 1,
      kind: "content",
      generated: true,
      weight: 1,
    },
    {
      start: 4,
      end: 5,
      role: "completion",
      message: 1,
      kind: "end",
      generated: true,
      weight: 1,
    },
  ]);
}

function empty(): Tokenized {
  return tokenize("", []);
}
