/**
 * A device over an executor in the same thread: for tests, and for hosts that may block. Order and errors
 * are those of a device in a worker.
 * @module
 */
import { CommandQueue } from "./command_queue.ts";
import type { Executor } from "./executor.ts";
import { HostDevice, type QueuedDevice } from "./host_device.ts";
import { SharedState } from "./protocol.ts";

/** The device of an executor, in this thread. */
export function localDevice(executor: Executor): QueuedDevice {
  const shared = new SharedState();
  const queue = new CommandQueue(
    executor,
    shared,
    (answer) => device.receive(answer),
  );
  const device: HostDevice = new HostDevice(
    {
      info: executor.info,
      profiles: executor.profile !== undefined,
      maps: executor.map !== undefined,
    },
    shared,
    { post: (command) => queue.push(command), shut: () => {} },
  );
  return device;
}
