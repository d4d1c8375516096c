/**
 * An answer as server-sent events: `data: {...}` each, and `data: [DONE]` at the end.
 * @module
 */
import { apiError, type Exchange, type Job } from "./serving.ts";

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no", // a proxy passes each event on at once
};

/**
 * Streams what `body` sends. An error after the first event is an event itself, because the status is sent already. The
 * job ends with the stream; where the client hangs up it is aborted.
 */
export function eventStream(
  { job, exchange }: { readonly job: Job; readonly exchange: Exchange },
  body: (send: (event: unknown) => void) => Promise<void>,
): Response {
  const encoder = new TextEncoder();
  let isOpen = true;
  exchange.streams();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (text: string) => {
        if (isOpen) controller.enqueue(encoder.encode(`data: ${text}\n\n`));
      };
      const run = async (): Promise<number> => {
        try {
          await body((event) => write(JSON.stringify(event)));
          return 200;
        } catch (reason) {
          const error = apiError(reason);
          write(JSON.stringify(error.body));
          return error.status;
        }
      };
      void run().then((status) => {
        job[Symbol.dispose]();
        exchange.finish(status);
        write("[DONE]");
        if (isOpen) controller.close();
        isOpen = false;
      });
    },
    cancel() {
      isOpen = false;
      job.hangUp();
    },
  });
  return new Response(stream, { headers: HEADERS });
}
