/**
 * Another model rates the answers: any endpoint that speaks the chat completions of OpenAI. Off unless it is named;
 * rows and answers are sent to it.
 * @module
 */
import {
  ConfigError,
  DataError,
  definePart,
  environmentVariable,
  type Host,
  isPlainObject,
  messageOf,
  type Part,
  variables,
  whyUnset,
} from "@denotune/denotune/core";
import { z } from "zod";
import { answeredRows } from "./answered_rows.ts";
import {
  answerFields,
  type AnswerOptions,
  atLeast,
  known,
  meanOf,
} from "./rows.ts";

/** Options of {@linkcode judge}. */
export interface JudgeOptions extends AnswerOptions {
  readonly base_url: string | null;
  readonly model: string | null;
  readonly api_key_env: string | null;
  readonly rubric: string;
  readonly max_score: number;
  readonly timeout_s: number;
  readonly min_score: number | null;
}

const options: z.ZodType<JudgeOptions, Partial<JudgeOptions>> = z.strictObject({
  ...answerFields({ max_rows: 50, max_new_tokens: 256, temperature: 0 }),
  base_url: z.string().min(1).nullable().default(null).describe(
    "The endpoint, up to `/v1`: http://localhost:11434/v1",
  ),
  model: z.string().min(1).nullable().default(null).describe(
    "Name of the model that judges",
  ),
  api_key_env: z.string().min(1).nullable().default(null).describe(
    "Environment variable that holds the key; null: none is sent",
  ),
  rubric: z.string().min(1).default(
    "Rate how well the answer does what was asked: correct, complete, to the point.",
  ).describe("What the judge is asked to look at"),
  max_score: z.int().min(2).default(10).describe("The best score; 1 is worst"),
  timeout_s: z.number().positive().default(60).describe(
    "Seconds that an answer of the judge may take",
  ),
  min_score: z.number().nullable().default(null).describe(
    "Mean score below which the verdict is failed; null: none",
  ),
});

/** The part `judge`. */
export const judge: Part<"evaluator", Partial<JudgeOptions>, JudgeOptions> =
  definePart({
    kind: "evaluator",
    name: "judge",
    description:
      "Scores by another model, at any OpenAI-compatible endpoint (off unless base_url and model are named)",
    options,
    permissions: ({ base_url, api_key_env }) => [
      ...(base_url !== null && URL.canParse(base_url)
        ? [`net:${new URL(base_url).host}`]
        : []),
      ...(api_key_env === null ? [] : variables(api_key_env)),
    ],
    create(o: JudgeOptions, host: Host) {
      const { base_url, model } = o;
      if (base_url === null || model === null) {
        throw new ConfigError(
          "judge has nobody to ask: set base_url (http://localhost:11434/v1) and model; prompts and answers are sent there",
        );
      }
      host.notice(`judge: prompts and answers are sent to ${base_url}`);
      const key = o.api_key_env === null
        ? null
        : environmentVariable(o.api_key_env) ?? null;
      if (o.api_key_env !== null && key === null) {
        throw new ConfigError(
          `judge has no key: the environment variable ${o.api_key_env} ${
            whyUnset(o.api_key_env)
          }`,
        );
      }
      const url = `${base_url.replace(/\/+$/, "")}/chat/completions`;
      return answeredRows(o, {
        name: "judge",
        async judge(generated, { prompt, expected }, signal) {
          const content = question(o, { prompt, expected, generated });
          const reply = await ask(url, {
            body: {
              model,
              temperature: 0,
              messages: [{ role: "user", content }],
            },
            key,
            timeoutMs: 1000 * o.timeout_s,
            signal,
          });
          return { score: scoreIn(reply, o.max_score), judgement: reply };
        },
        sum(all) {
          const scores = all.flatMap(({ judged }) => judged.score ?? []);
          const mean = meanOf(scores);
          return {
            numbers: known({
              "": mean,
              unread: all.length === 0 ? null : 1 - scores.length / all.length,
            }),
            verdict: atLeast(mean, {
              threshold: o.min_score,
              what: "the mean score",
            }),
          };
        },
      });
    },
  });

function question(
  { rubric, max_score }: JudgeOptions,
  { prompt, expected, generated }: {
    readonly prompt: string;
    readonly expected: string;
    readonly generated: string;
  },
): string {
  return `${rubric}

[Prompt]
${prompt}

[A good answer]
${expected}

[Answer to rate]
${generated}

Say in one sentence why, then end with a line "Score: N", N a whole number from 1 (worst) to ${max_score} (best).`;
}

/** The last score that a reply names; null where none is in range. */
function scoreIn(reply: string, most: number): number | null {
  const found = [...reply.matchAll(/score\W{0,5}(\d+(?:\.\d+)?)/gi)].at(-1);
  const score = found === undefined ? NaN : Number(found[1]);
  return score >= 1 && score <= most ? score : null;
}

async function ask(
  url: string,
  { body, key, timeoutMs, signal }: {
    readonly body: unknown;
    readonly key: string | null;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<string> {
  const limits = [AbortSignal.timeout(timeoutMs), ...signal ? [signal] : []];
  let reply: unknown;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...key === null ? {} : { authorization: `Bearer ${key}` },
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any(limits),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new DataError(
        `it answered ${response.status}: ${text.slice(0, 200)}`,
      );
    }
    reply = JSON.parse(text);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new DataError(
      `judge: cannot ask ${url}: ${
        messageOf(cause)
      }; is the endpoint running, and is base_url right?`,
      { cause },
    );
  }
  const choices = isPlainObject(reply) ? reply.choices : null;
  const first: unknown = Array.isArray(choices) ? choices[0] : null;
  const message = isPlainObject(first) ? first.message : null;
  const content = isPlainObject(message) ? message.content : null;
  if (typeof content === "string") return content;
  throw new DataError(
    `judge: ${url} gave no choices[0].message.content: ${
      JSON.stringify(reply).slice(0, 200)
    }`,
  );
}
