/**
 * Opens a device that lives in a worker whose module calls `serve`.
 * @module
 */
import { existsSync } from "node:fs";
import { DeviceError } from "../contracts/errors.ts";
import { HostDevice, type QueuedDevice } from "./host_device.ts";
import { Outbox } from "./outbox.ts";
import {
  type Answer,
  deviceErrorOf,
  type OpenCommand,
  SharedState,
} from "./protocol.ts";

/** How long the end of a worker's thread is waited for where it can be seen: a driver may hang. */
const ENDING_LIMIT_MS = 3000;
/** The same where it cannot. */
const ENDING_MS = 300;

/** What a device's worker has beside it. */
export interface ConnectOptions {
  /**
   * Workers that it leads, whose modules call `serveLeader`: `serve` is given a port to each, and they end with the
   * device. They are started beside it and not by it, because Deno lets a worker that a worker starts wait half a
   * second for a debugger, and as long again before its first message.
   */
  readonly helpers?: readonly Worker[];
  /**
   * Whether no driver lives on the worker's thread. A driver releases its memory there after the worker was
   * terminated, and crashes a process that ends meanwhile (wgpu's issue 8365), so closing waits for the thread's end.
   */
  readonly driverless?: boolean;
}

/**
 * The device that a worker holds. `options` are given to the worker's `open`. Throws `DeviceError` when
 * the worker cannot be loaded or its executor cannot be opened; the worker is then terminated. Closing the
 * device terminates it too.
 */
export function connectWorker(
  worker: Worker,
  options: unknown,
  { helpers = [], driverless = false }: ConnectOptions = {},
): Promise<QueuedDevice> {
  return new Promise((resolve, reject) => {
    const shared = new SharedState();
    let device: HostDevice | null = null;
    let thread: string | null = null;
    const terminate = (): void => {
      for (const one of [worker, ...helpers]) one.terminate();
    };
    const fail = (error: DeviceError): void => {
      if (device !== null) return device.fail(error);
      terminate();
      void threadEnded(thread).then(() => reject(error));
    };
    const ports = helpers.map((helper) => portTo(helper));
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      if (data.type === "ready") {
        thread = data.thread;
        const open: OpenCommand = {
          type: "open",
          options,
          shared: shared.buffer,
          helpers: ports,
        };
        try {
          worker.postMessage(open, ports);
        } catch (error) {
          fail(
            new DeviceError(
              "The options of the device cannot be sent to its worker: they must be plain data",
              { cause: error },
            ),
          );
        }
      } else if (data.type === "opened") {
        const outbox = new Outbox(
          (commands, transfer) => worker.postMessage(commands, transfer),
          () => device?.pending ?? 0,
        );
        device = new HostDevice(data, shared, {
          post: (command, transfer) => outbox.post(command, transfer),
          shut: terminate,
          ended: async (isWell) => {
            if (!isWell || !driverless) await threadEnded(thread);
          },
        });
        resolve(device);
      } else if (data.type === "open-failed") {
        fail(deviceErrorOf(data.error));
      } else if (data.type === "crashed") {
        fail(crashed(device, data.error.message, deviceErrorOf(data.error)));
      } else {
        device?.receive(data);
      }
    });
    for (const one of [worker, ...helpers]) {
      one.addEventListener("error", (event) => {
        event.preventDefault(); // else the main thread dies of it
        fail(crashed(device, event.message, event.error ?? undefined));
      });
    }
    worker.addEventListener("messageerror", () => {
      fail(
        new DeviceError(
          "A message of the device's worker could not be read; the device is lost",
        ),
      );
    });
  });
}

/** Waits until a worker's thread is gone: no event reports it, Linux shows it to a process that may do everything. */
async function threadEnded(thread: string | null): Promise<void> {
  if (thread === null) return await sleep(ENDING_MS);
  const until = performance.now() + ENDING_LIMIT_MS;
  while (performance.now() < until && existsSync(thread)) await sleep(2);
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** A port to a helper, which gets the other end once its module has been loaded. */
function portTo(helper: Worker): MessagePort {
  const { port1, port2 } = new MessageChannel();
  helper.addEventListener("message", () => {
    helper.postMessage(port2, [port2]);
  }, { once: true });
  return port1;
}

function crashed(
  device: HostDevice | null,
  message: string,
  cause: unknown,
): DeviceError {
  const whose = device === null
    ? "a device"
    : `the ${device.info.backend} device`;
  return new DeviceError(`The worker of ${whose} has crashed: ${message}`, {
    cause,
  });
}
