/**
 * Tokens a second of `serve`, for one client and for eight at once, beside llama.cpp's server where a GGUF file is given.
 *
 *     deno task bench serve FOLDER [FILE.gguf]
 *
 * Each client sends the same prompts one after the other and reads 128 tokens of each, greedy. The rounds of one and of
 * eight alternate, so that other work on the machine touches both; medians of five. llama.cpp's server is the one of the
 * Python package xllamacpp, with eight slots.
 */
const [folder, gguf] = Deno.args;
if (folder === undefined) {
  console.log("deno task bench serve FOLDER [FILE.gguf]");
  Deno.exit(2);
}
const TOKENS = 128;
const REQUESTS = 4;
const ROUNDS = 5;
const root = new URL("../../", import.meta.url).pathname;

/** Runs a server until `body` is done; its address is what it prints behind `at`. */
async function against(
  command: Deno.Command,
  body: (address: string) => Promise<void>,
): Promise<void> {
  const child = command.spawn();
  try {
    let text = "";
    let address: string | undefined;
    for await (
      const piece of child.stdout.pipeThrough(new TextDecoderStream())
    ) {
      text += piece;
      address = /at (http:\/\/[\w.:]+)/.exec(text)?.[1];
      if (address !== undefined) break;
    }
    if (address === undefined) throw new Error(`no server: ${text}`);
    await body(address);
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

async function client(address: string, name: number): Promise<number> {
  let tokens = 0;
  for (let i = 0; i < REQUESTS; i++) {
    const response = await fetch(`${address}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        prompt: `Once upon a time, number ${name} said ${i}`,
        max_tokens: TOKENS,
        temperature: 0,
        ignore_eos: true,
      }),
    });
    const { usage } = await response.json();
    tokens += usage.completion_tokens;
  }
  return tokens;
}

async function rate(address: string, clients: number): Promise<number> {
  const start = performance.now();
  const counts = await Promise.all(
    Array.from({ length: clients }, (_, name) => client(address, name)),
  );
  const seconds = (performance.now() - start) / 1000;
  return counts.reduce((a, b) => a + b, 0) / seconds;
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function measure(name: string, address: string): Promise<void> {
  await rate(address, 8); // warm
  const [one, eight, ratios]: number[][] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await rate(address, 1));
    eight.push(await rate(address, 8));
    ratios.push(eight[round] / one[round]);
  }
  console.log(
    `${name.padEnd(10)} one client ${
      median(one).toFixed(0).padStart(6)
    } tokens/s   eight ${median(eight).toFixed(0).padStart(6)} tokens/s   ${
      median(ratios).toFixed(1)
    } times`,
  );
}

await against(
  new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `${root}mod.ts`,
      "serve",
      folder,
      "--port",
      "0",
      "--quiet",
      "--backend",
      "cpu",
    ],
    stdout: "piped",
    stderr: "null",
  }),
  (address) => measure("denotune", address),
);

if (gguf !== undefined) {
  const code = `
import sys, time, xllamacpp as x
p = x.CommonParams()
p.model.path = sys.argv[1]
p.n_ctx = 8 * 512
p.n_parallel = 8
p.port = 0
p.cpuparams.n_threads = 2
s = x.Server(p)
print("at", s.listening_address, flush=True)
time.sleep(3600)
`;
  await against(
    new Deno.Command("python3", {
      args: ["-c", code, gguf],
      stdout: "piped",
      stderr: "null",
    }),
    (address) => measure("llama.cpp", address),
  );
}
