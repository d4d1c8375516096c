/**
 * Lines of a stream, each asked for when it is wanted.
 * @module
 */

/** The lines of a stream of UTF-8 bytes, without their ends; `ask` is called before each. */
export async function* linesOf(
  stream: ReadableStream<Uint8Array>,
  ask: () => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let held = "";
  try {
    while (true) {
      ask();
      let end = held.indexOf("\n");
      while (end < 0) {
        const { value, done } = await reader.read();
        held += done
          ? decoder.decode()
          : decoder.decode(value, { stream: true });
        if (done) {
          if (held !== "") yield held;
          return;
        }
        end = held.indexOf("\n");
      }
      yield held.slice(0, end).replace(/\r$/, "");
      held = held.slice(end + 1);
    }
  } finally {
    reader.releaseLock();
  }
}
