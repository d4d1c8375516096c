/**
 * Questions with answers and chats, joined, trained, asked: everything in one program, no run file.
 *
 * It starts from random weights so that it runs anywhere in seconds; what it answers then is nonsense. Name a
 * model to start from: `deno run -A examples/library/main.ts HuggingFaceTB/SmolLM2-135M`.
 *
 * @module
 */
import { adamw, choose, loadModel, train } from "@denotune/denotune";
import { TINY_LLAMA } from "./tiny_llama.ts";

const questions = [
  {
    question: "What is AI?",
    answer: "Programs that do what takes people thought.",
  },
  {
    question: "How does machine learning work?",
    answer: "It fits a function to examples.",
  },
];
const chats = [{
  messages: [
    { role: "user", content: "Will it rain today?" },
    { role: "assistant", content: "I cannot see the sky; ask a forecast." },
  ],
}];

const [base] = Deno.args;
const { path } = await train({
  output_dir: "outputs/library",
  model: base === undefined ? { from_config: TINY_LLAMA } : { path: base },
  tokenizer: base === undefined ? "byte" : "huggingface",
  data: {
    train: [
      { rows: questions, format: "question_answer" },
      { rows: chats, format: "chat_to_completion" },
    ],
    template: { use: "plain", separator: "" },
    max_length: 256,
  },
  optimizer: choose(adamw, { learning_rate: 5e-5 }),
  training: { epochs: 3, batch_size: 4 },
}, {
  onEvent: (event) =>
    event.event === "epoch" &&
    console.log(`Epoch ${event.epoch}, average loss ${event.epoch_loss}`),
});

await using model = await loadModel(path);
const prompt = "Question: What is machine learning?\n\nAnswer:";
const { text } = await model.generate(prompt, {
  maxNewTokens: 100,
  temperature: 0.7,
});
console.log(`Prompt: ${prompt}\nGenerated: ${text}`);
