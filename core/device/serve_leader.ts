/**
 * The side of a helper: the last line of the module of a worker that another worker leads.
 * @module
 */

/** What a worker's global scope is to us: the types of windows and workers cannot be loaded together. */
interface HelperScope {
  postMessage(message: null): void;
  onmessage: ((event: MessageEvent<MessagePort>) => void) | null;
}

/**
 * Waits for the worker that leads this one, as `connectWorker` connects them, and hands over the port to it. To be
 * called once, in a module worker.
 */
export function serveLeader(serve: (leader: MessagePort) => void): void {
  const scope = globalThis as unknown as HelperScope;
  scope.onmessage = ({ data }) => serve(data);
  // a message that arrives before the listener is added would be lost: the host waits for this
  scope.postMessage(null);
}
