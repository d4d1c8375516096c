/** A device whose helpers say their name when it is opened, and crash when it runs a program. */
import { serve } from "../../../core/device/serve.ts";
import { serveLeader } from "../../../core/device/serve_leader.ts";
import { fakeExecutor } from "./_fake_worker.ts";

const name: unknown = Reflect.get(globalThis, "name");

if (name === "leader") {
  serve(async (_, helpers) => {
    const names = helpers.map((port) =>
      new Promise<string>((resolve) => {
        port.onmessage = ({ data }) => resolve(data);
        port.postMessage("name");
      })
    );
    const executor = fakeExecutor(await Promise.all(names));
    return {
      ...executor,
      run: () => helpers.at(-1)?.postMessage("crash"),
      idle: () => new Promise(() => {}),
    };
  });
} else {
  serveLeader((leader) => {
    leader.onmessage = ({ data }) => {
      if (data === "crash") throw new Error("helper killed");
      leader.postMessage(name);
    };
  });
}
