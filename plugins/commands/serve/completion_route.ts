/**
 * `POST /v1/completions`: prompts as texts or tokens, continued as they are.
 * @module
 */
import type {
  Completion,
  CompletionRequest,
  TokenScore,
} from "@denotune/denotune/core";
import { ApiError } from "./api_error.ts";
import { eventStream } from "./event_stream.ts";
import type { CompletionBody } from "./request_schema.ts";
import {
  adapterOf,
  completeAll,
  type Exchange,
  newId,
  openJob,
  roomFor,
  samplingOf,
  type Serving,
  stopsOf,
  usageOf,
} from "./serving.ts";
import { finite } from "./token_texts.ts";

/** A prompt as it is echoed, and its tokens. */
interface CompletionPrompt {
  readonly text: string;
  readonly ids: Int32Array;
}

/** Answers with the choices of all prompts. */
export async function completions(
  body: CompletionBody,
  exchange: Exchange,
  serving: Serving,
): Promise<Response> {
  const { n: given, echo, logprobs: wantedTop } = body;
  const n = given ?? 1;
  const [isEchoed, top] = [echo ?? false, wantedTop ?? null];
  refuseUnknown(body, n);
  const adapter = adapterOf(serving, body.model);
  const prompts = promptsOf(body, serving);
  const sampling = samplingOf(body, serving);
  const scores: TokenScore[][] = [];
  const answers = prompts.flatMap((prompt, p) =>
    Array.from({ length: n }, (_, i): CompletionRequest => {
      const own: TokenScore[] = [];
      scores.push(own);
      return {
        prompt: prompt.ids,
        raw: true,
        maxNewTokens: roomFor({
          prompt: prompt.ids,
          wanted: body.max_tokens,
          fallback: 16,
          param: prompts.length === 1 ? "prompt" : `prompt[${p}]`,
        }, serving),
        sampling,
        answer: i,
        stop: stopsOf(body),
        ignoresEnds: body.ignore_eos ?? false,
        adapter,
        top,
        scoresPrompt: isEchoed && top !== null,
        onToken(_, score) {
          exchange.begin();
          if (score !== undefined) own.push(score);
        },
      };
    })
  );
  const name = body.model ?? [...serving.models.keys()][0];
  const head = {
    id: newId("cmpl"),
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: name,
  };
  const count = (done: readonly Completion[]) =>
    done.forEach((one, i) =>
      exchange.count({
        prompt: answers[i].prompt.length,
        reused: one.reusedTokens,
        written: one.ids.length,
      })
    );
  const promptOf = (index: number) => prompts[Math.floor(index / n)];
  const job = openJob(serving, exchange, {
    answers: answers.length,
    isStream: body.stream === true,
  });
  if (body.stream !== true) {
    using _job = job;
    const done = await completeAll(answers, serving, job);
    count(done);
    return Response.json({
      ...head,
      choices: done.map((one, index) => ({
        index,
        text: (isEchoed ? promptOf(index).text : "") + one.text,
        logprobs: top === null ? null : logprobsOf(
          isEchoed ? { ...promptOf(index), scores: one.promptScores } : null,
          scores[index],
          serving,
        ),
        finish_reason: one.finish,
      })),
      usage: usageOf({ prompts: prompts.map(({ ids }) => ids), answers: done }),
    });
  }
  return eventStream({ job, exchange }, async (send) => {
    const choice = (
      index: number,
      { text, finish = null, before = null }: {
        readonly text: string;
        readonly finish?: string | null;
        readonly before?: PromptScores | null;
      },
    ) =>
      send({
        ...head,
        choices: [{
          index,
          text,
          logprobs: top === null
            ? null
            : logprobsOf(before, scores[index].splice(0), serving),
          finish_reason: finish,
        }],
      });
    // an echo with scores comes whole, when they are known
    const waits = isEchoed && top !== null;
    const done = await completeAll(
      answers.map((answer, index) => {
        if (isEchoed && !waits) choice(index, { text: promptOf(index).text });
        return {
          ...answer,
          onText: (text) => waits ? undefined : choice(index, { text }),
        };
      }),
      serving,
      job,
    );
    count(done);
    done.forEach((one, index) =>
      choice(index, {
        text: waits ? promptOf(index).text + one.text : "",
        finish: one.finish,
        before: waits ? { ...promptOf(index), scores: one.promptScores } : null,
      })
    );
    if (body.stream_options?.include_usage === true) {
      const ids = prompts.map((prompt) => prompt.ids);
      send({
        ...head,
        choices: [],
        usage: usageOf({ prompts: ids, answers: done }),
      });
    }
  });
}

function refuseUnknown(body: CompletionBody, n: number): void {
  if (body.suffix != null && body.suffix !== "") {
    throw new ApiError(
      400,
      "suffix: this model writes from left to right, so nothing can be inserted before a text; leave it out",
      { param: "suffix" },
    );
  }
  if (body.best_of != null && body.best_of !== n) {
    throw new ApiError(
      400,
      `best_of is ${body.best_of} and n is ${n}: all answers are given back, so that both must be equal`,
      { param: "best_of" },
    );
  }
}

function promptsOf(
  { prompt }: CompletionBody,
  { model }: Serving,
): CompletionPrompt[] {
  const { tokenizer } = model;
  const list: (string | number[])[] = typeof prompt === "string"
    ? [prompt]
    : isTokens(prompt)
    ? [prompt]
    : prompt;
  return list.map((one, i) => {
    const param = list.length === 1 ? "prompt" : `prompt[${i}]`;
    if (typeof one === "string") {
      const { ids } = model.writePrompt(one, { raw: true });
      if (ids.length > 0) return { text: one, ids };
      throw new ApiError(
        400,
        `${param} is empty: give at least one character`,
        {
          param,
        },
      );
    }
    const bad = one.find((id) => id >= tokenizer.vocabSize);
    if (bad !== undefined) {
      throw new ApiError(
        400,
        `${param}: there is no token ${bad}; the vocabulary has ${tokenizer.vocabSize}`,
        { param },
      );
    }
    return { text: tokenizer.decode(one), ids: Int32Array.from(one) };
  });
}

function isTokens(
  prompt: string[] | number[] | number[][],
): prompt is number[] {
  return typeof prompt[0] === "number";
}

interface PromptScores extends CompletionPrompt {
  /** From the second token on. */
  readonly scores: readonly TokenScore[];
}

/** Log-probabilities as the route gives them: lists of the same length; the first token of all has none. */
function logprobsOf(
  before: PromptScores | null,
  scores: readonly TokenScore[],
  { texts }: Serving,
) {
  const all: readonly { id: number; score: TokenScore | null }[] = [
    ...(before === null ? [] : [{ id: before.ids[0], score: null }]),
    ...[...before?.scores ?? [], ...scores].map((score) => ({
      id: score.id,
      score,
    })),
  ];
  const tokens = all.map(({ id }) => texts.of(id).token);
  let offset = 0;
  return {
    tokens,
    token_logprobs: all.map(({ score }) =>
      score === null ? null : finite(score.logProbability)
    ),
    top_logprobs: all.map(({ score }) =>
      score === null ? null : texts.topEntry(score)
    ),
    text_offset: tokens.map((token) => {
      const at = offset;
      offset += token.length;
      return at;
    }),
  };
}
