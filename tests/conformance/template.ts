/**
 * What every template must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import type {
  ChatExample,
  Host,
  Message,
  Rendered,
  Template,
  TextSpan,
} from "@denotune/denotune/core";
import { testHost } from "./host.ts";

/** What the suite is to expect of a template. */
export interface TemplateSuiteOptions {
  /** How contents are written, where not as they are (trimmed, say). */
  readonly written?: (content: string) => string;
  /** Whether it writes system messages. */
  readonly system?: boolean;
}

const user = (content: string, more: Partial<Message> = {}): Message => ({
  role: "user",
  content,
  ...more,
});
const assistant = (content: string, more: Partial<Message> = {}): Message => ({
  role: "assistant",
  content,
  ...more,
});

const CONVERSATIONS: readonly (readonly Message[])[] = [
  [user("Hi"), assistant("Hello!")],
  [user("Sort these.", { input: "3 1 2" }), assistant("1 2 3")],
  [
    user("What is 2+2?"),
    assistant("4", { weight: 0.5 }),
    user("And 3+3?\nThanks"),
    assistant("6"),
  ],
  [user("Grüß Gott 你好"), assistant("Hallo 👋 </think> {{ x }} <b>")],
];

/** Registers the tests of a template. */
export function testTemplate(
  name: string,
  make: (host: Host) => Template | Promise<Template>,
  { written = (content) => content, system = true }: TemplateSuiteOptions = {},
): void {
  const each = (what: string, check: (template: Template) => void): void => {
    Deno.test(`${name}: ${what}`, async () => check(await make(testHost())));
  };
  const conversations: readonly (readonly Message[])[] = system
    ? [...CONVERSATIONS, [
      { role: "system", content: "Be brief." },
      ...CONVERSATIONS[0],
    ]]
    : CONVERSATIONS;

  each(
    "spans are in order, apart, within the text and not empty",
    (template) => {
      for (const messages of conversations) {
        checkSpans(template.render({ messages }), messages.length);
        checkSpans(
          template.prompt({ messages: messages.slice(0, -1) }),
          messages.length,
        );
      }
      checkSpans(template.render({ text: "Once upon a time" }), 1);
      checkSpans(template.render({ prompt: "2 + 2 =", completion: " 4" }), 2);
    },
  );

  each(
    "what the model writes is the answers with their ends, by their weights",
    (template) => {
      for (const messages of conversations) {
        const rendered = template.render({ messages });
        messages.forEach((message, index) => {
          const spans = rendered.spans.filter((span) => span.message === index);
          const content = spans.filter(({ kind }) => kind === "content");
          const said = message.input === undefined
            ? [message.content]
            : [message.content, message.input];
          assert.deepEqual(
            content.map((span) => textOf(rendered, span)),
            said.map(written),
          );
          for (const span of spans) {
            assert.equal(span.role, message.role);
            assert.equal(span.generated, message.role === "assistant");
            assert.equal(span.weight, message.weight ?? 1);
          }
        });
        const last = rendered.spans.filter(({ message }) =>
          message === messages.length - 1
        );
        assert.equal(
          last.at(-1)?.kind,
          "end",
          "the last answer ends with a marker",
        );
        assert.ok(last.filter(({ kind }) => kind === "end").length === 1);
      }
    },
  );

  each("a stop text is in the marker that ends an answer", (template) => {
    const rendered = template.render({ messages: CONVERSATIONS[0] });
    const end = rendered.spans.findLast(({ kind, generated }) =>
      kind === "end" && generated
    );
    assert.ok(end !== undefined);
    assert.ok(
      template.stops.some((stop) => textOf(rendered, end).includes(stop)),
    );
    for (const stop of template.stops) assert.notEqual(stop, "");
  });

  each("a prompt is what stands before the answer", (template) => {
    for (const messages of conversations) {
      messages.forEach((message, index) => {
        if (message.role !== "assistant") return;
        const whole = template.render({
          messages: messages.slice(0, index + 1),
        });
        const prompt = template.prompt({ messages: messages.slice(0, index) });
        const first = whole.spans.find((span) => span.message === index);
        assert.equal(prompt.text, whole.text.slice(0, first?.start));
        assert.equal(prompt.addBos, whole.addBos);
      });
    }
    const pair = template.render({ prompt: "2 + 2 =", completion: " 4" });
    const answer = pair.spans.find(({ generated }) => generated);
    assert.equal(
      template.prompt({ prompt: "2 + 2 =" }).text,
      pair.text.slice(0, answer?.start),
    );
  });

  each("a prompt and its completion keep their names", (template) => {
    const rendered = template.render({ prompt: "2 + 2 = ?", completion: "4" });
    const names = rendered.spans.map((
      { role, message, kind, generated },
    ) => [role, message, kind, generated]);
    assert.deepEqual(names.filter(([, , kind]) => kind === "content"), [
      ["prompt", 0, "content", false],
      ["completion", 1, "content", true],
    ]);
  });

  each("a text is written as it is, with EOS at its end once", (template) => {
    for (const text of ["Once upon a time", "Once upon a time</s>"]) {
      const rendered = template.render({ text });
      assert.equal(rendered.text, "Once upon a time</s>");
      assert.deepEqual(
        rendered.spans.map((
          span,
        ) => [span.role, span.kind, textOf(rendered, span), span.generated]),
        [
          ["text", "content", "Once upon a time", true],
          ["text", "end", "</s>", true],
        ],
      );
    }
  });

  each("the same example is written the same way again", (template) => {
    const example: ChatExample = { messages: CONVERSATIONS[2] };
    assert.deepEqual(template.render(example), template.render(example));
  });
}

function textOf({ text }: Rendered, { start, end }: TextSpan): string {
  return text.slice(start, end);
}

function checkSpans({ text, spans }: Rendered, messages: number): void {
  let done = 0;
  for (const { start, end, message, weight } of spans) {
    assert.ok(
      start >= done && end > start && end <= text.length,
      `[${start}, ${end}) of ${JSON.stringify(text)}`,
    );
    assert.ok(message >= 0 && message < messages);
    assert.ok(weight >= 0);
    done = end;
  }
}
