import assert from "node:assert/strict";
import {
  type InspectedToken,
  renderTable,
  renderText,
} from "../../../core/data/inspect.ts";

const token = (
  text: string,
  weight: number,
  position: number,
): InspectedToken => ({
  id: position + 10,
  text,
  weight,
  role: weight > 0 ? "assistant" : "user",
  kind: "content",
  segment: 1,
  position,
});
const tokens = [
  token("Hi\n", 0, 0),
  token("\x1b[31m", 1, 1),
  token("!", 1, 2),
  token("x", 0.5, 3),
];

Deno.test("trained text stands in marks, and data cannot steer the terminal", () => {
  assert.equal(renderText(tokens, { color: false }), "Hi↵\n«␛[31m!»«x»");
  assert.equal(
    renderText(tokens, { color: false, limit: 1 }),
    "Hi↵\n ... (3 more tokens)",
  );
});

Deno.test("with colours every stretch is closed", () => {
  const text = renderText(tokens, { color: true });
  assert.equal(text.split("\x1b[").length - 1, 6);
  assert.ok(text.endsWith("\x1b[0m"));
});

Deno.test("the table has a line for each token", () => {
  const lines = renderTable(tokens, { color: false }).split("\n");
  assert.equal(lines.length, 5);
  assert.deepEqual(lines[4].trim().split(/\s+/), [
    "3",
    "1",
    "13",
    "0.5",
    "assistant",
    "x",
  ]);
});
