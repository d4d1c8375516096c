/** A plugin with a format: questions with choices, the right one by index. @module */
import {
  DataError,
  definePart,
  definePlugin,
  describeWhere,
} from "@denotune/denotune/core";
import { z } from "zod";

const Row = z.object({
  question: z.string(),
  choices: z.array(z.string()).min(2),
  answer: z.int().min(0),
});

const choices = definePart({
  kind: "format",
  name: "choices",
  description: "question, choices, answer (the index of the right choice)",
  options: z.strictObject({}),
  create: () => ({
    template: "plain",
    recognises: (value) => Row.safeParse(value).success ? 0.9 : 0,
    parse({ value, where }) {
      const { data, error } = Row.safeParse(value);
      if (data === undefined || !(data.answer in data.choices)) {
        const why = error ? z.prettifyError(error) : "no such answer";
        throw new DataError(`${describeWhere(where)}: ${why}`);
      }
      const list = data.choices.map((text) => `- ${text}\n`).join("");
      const prompt = `${data.question}\n${list}Answer:`;
      return { prompt, completion: ` ${data.choices[data.answer]}` };
    },
  }),
});

const name = "choices-format";
export default definePlugin({ name, api: 1, parts: [choices] });
