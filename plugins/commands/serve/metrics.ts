/**
 * What the server counts, as Prometheus reads it.
 * @module
 */

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** How often values fell below bounds. */
class Histogram {
  readonly #counts = new Array<number>(SECONDS.length).fill(0);
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
    SECONDS.forEach((bound, i) => {
      if (value <= bound) this.#counts[i]++;
    });
  }

  lines(name: string): string[] {
    return [
      ...SECONDS.map((bound, i) =>
        `${name}_bucket{le="${bound}"} ${this.#counts[i]}`
      ),
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${this.#count}`,
    ];
  }
}

/** Numbers that only the server knows when it is asked. */
export interface Gauges {
  readonly running: number;
  readonly waiting: number;
  readonly rows: number;
}

/** Counters of one server. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #seconds = new Histogram();
  readonly #firstToken = new Histogram();
  #promptTokens = 0;
  #reusedTokens = 0;
  #writtenTokens = 0;
  #hungUp = 0;

  /** A request that was answered; `route` is one of the server's own names, never text of a client. */
  request(
    { route, status, seconds }: {
      readonly route: string;
      readonly status: number;
      readonly seconds: number;
    },
  ): void {
    const labels = `route="${route}",status="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    this.#seconds.add(seconds);
  }

  /** Tokens of an answer. */
  tokens(
    { prompt, reused, written }: {
      readonly prompt: number;
      readonly reused: number;
      readonly written: number;
    },
  ): void {
    this.#promptTokens += prompt;
    this.#reusedTokens += reused;
    this.#writtenTokens += written;
  }

  /** Seconds from a request to the first token of an answer. */
  firstToken(seconds: number): void {
    this.#firstToken.add(seconds);
  }

  /** A client that hung up before it had its answer. */
  hangUp(): void {
    this.#hungUp++;
  }

  /** The text of `/metrics`. */
  text({ running, waiting, rows }: Gauges): string {
    const { rss, heapUsed } = Deno.memoryUsage();
    const metric = (
      name: string,
      type: "counter" | "gauge",
      help: string,
      value: number,
    ) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      `${name} ${value}`,
    ];
    const histogram = (name: string, help: string, of: Histogram) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} histogram`,
      ...of.lines(name),
    ];
    return [
      "# HELP denotune_requests_total Requests answered, by route and status.",
      "# TYPE denotune_requests_total counter",
      ...Array.from(
        this.#requests,
        ([labels, count]) => `denotune_requests_total{${labels}} ${count}`,
      ),
      ...metric(
        "denotune_answers_running",
        "gauge",
        "Answers that are being written.",
        running,
      ),
      ...metric(
        "denotune_answers_waiting",
        "gauge",
        "Answers that wait for a place in the batch.",
        waiting,
      ),
      ...metric(
        "denotune_batch_rows",
        "gauge",
        "Answers that can be written at the same time.",
        rows,
      ),
      ...metric(
        "denotune_prompt_tokens_total",
        "counter",
        "Tokens of prompts.",
        this.#promptTokens,
      ),
      ...metric(
        "denotune_reused_prompt_tokens_total",
        "counter",
        "Tokens of prompts that were not read again, because an earlier prompt began alike.",
        this.#reusedTokens,
      ),
      ...metric(
        "denotune_generated_tokens_total",
        "counter",
        "Tokens written.",
        this.#writtenTokens,
      ),
      ...metric(
        "denotune_hang_ups_total",
        "counter",
        "Clients that hung up before they had their answer.",
        this.#hungUp,
      ),
      ...histogram(
        "denotune_request_seconds",
        "Seconds from a request to the end of its answer.",
        this.#seconds,
      ),
      ...histogram(
        "denotune_first_token_seconds",
        "Seconds from a request to the first token of an answer.",
        this.#firstToken,
      ),
      ...metric(
        "process_resident_memory_bytes",
        "gauge",
        "Memory of the process.",
        rss,
      ),
      ...metric(
        "denotune_heap_bytes",
        "gauge",
        "Memory of the JavaScript heap in use.",
        heapUsed,
      ),
      "",
    ].join("\n");
  }
}
