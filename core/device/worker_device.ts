/**
 * Opens a device that lives in a worker whose module calls `serve`.
 * @module
 */
import { DeviceError } from "../contracts/errors.ts";
import { HostDevice, type QueuedDevice } from "./host_device.ts";
import {
  type Answer,
  deviceErrorOf,
  type OpenCommand,
  SharedState,
} from "./protocol.ts";

/**
 * A driver releases its memory on the worker's own thread, and may crash a process that ends meanwhile;
 * no event reports the end of a worker's thread.
 */
const ENDING_MS = 300;

/**
 * The device that a worker holds. `options` are given to the worker's `open`. Throws `DeviceError` when
 * the worker cannot be loaded or its executor cannot be opened; the worker is then terminated. Closing the
 * device terminates it too.
 */
export function connectWorker(
  worker: Worker,
  options: unknown,
): Promise<QueuedDevice> {
  return new Promise((resolve, reject) => {
    const shared = new SharedState();
    let device: HostDevice | null = null;
    const fail = (error: DeviceError): void => {
      if (device !== null) return device.fail(error);
      worker.terminate();
      reject(error);
    };
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      if (data.type === "ready") {
        const open: OpenCommand = {
          type: "open",
          options,
          shared: shared.buffer,
        };
        try {
          worker.postMessage(open);
        } catch (error) {
          fail(
            new DeviceError(
              "The options of the device cannot be sent to its worker: they must be plain data",
              { cause: error },
            ),
          );
        }
      } else if (data.type === "opened") {
        device = new HostDevice(data, shared, {
          post: (command, transfer) => worker.postMessage(command, transfer),
          shut: () => worker.terminate(),
          ended: () => new Promise((done) => setTimeout(done, ENDING_MS)),
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
    worker.addEventListener("error", (event) => {
      event.preventDefault(); // else the main thread dies of it
      fail(crashed(device, event.message, event.error ?? undefined));
    });
    worker.addEventListener("messageerror", () => {
      fail(
        new DeviceError(
          "A message of the device's worker could not be read; the device is lost",
        ),
      );
    });
  });
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
