import assert from "node:assert/strict";
import { showError } from "../../../core/cli/show_error.ts";
import type { Output } from "../../../core/contracts/command.ts";
import {
  harmless,
  isOutputGone,
  writeText,
} from "../../../core/cli/terminal.ts";
import {
  ConfigError,
  DeviceError,
  PluginError,
} from "../../../core/contracts/errors.ts";
import { errorToData } from "../../../core/device/protocol.ts";

function shown(
  error: unknown,
  verbose = false,
): { code: number; text: string } {
  let text = "";
  const output: Output = {
    color: false,
    width: 100,
    write: (more) => void (text += more),
    line: (more = "") => void (text += `${more}\n`),
    style: (_, more) => more,
  };
  return { code: showError(error, output, { verbose }), text };
}

Deno.test("a wrong input is told without a stack trace, exit code 2", () => {
  const { code, text } = shown(new ConfigError("run.yaml:3:1: unknown key"));
  assert.equal(code, 2);
  assert.equal(text, "error: run.yaml:3:1: unknown key\n");
});

Deno.test("--verbose shows stack and causes", () => {
  const { text } = shown(
    new ConfigError("outer", { cause: new TypeError("inner") }),
    true,
  );
  assert.match(text, /show_error_test\.ts/);
  assert.match(text, /caused by TypeError: inner/);
});

Deno.test("a device that cannot is exit code 1, a full disk 2", () => {
  assert.equal(shown(new DeviceError("no memory")).code, 1);
  const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
  assert.equal(shown(new DeviceError("full", { cause: full })).code, 2);
});

Deno.test("a message of many lines is cut to one screen", () => {
  const long = new ConfigError(
    Array.from({ length: 100 }, (_, i) => `line ${i}`).join("\n"),
  );
  assert.ok(shown(long).text.split("\n").length < 24);
  assert.match(shown(long).text, /80 more lines/);
});

Deno.test("a fault of ours says so, and points to --verbose", () => {
  const { code, text } = shown(new TypeError("x is undefined"));
  assert.equal(code, 1);
  assert.match(text, /TypeError: x is undefined\nThis is a fault.*--verbose/);
});

Deno.test("a broken pipe has nothing to say", () => {
  assert.deepEqual(shown(new Deno.errors.BrokenPipe("EPIPE")), {
    code: 1,
    text: "",
  });
});

Deno.test("what data hold cannot steer the terminal", () => {
  assert.equal(harmless("a\x1b[2Jb\u202ec\td\n"), "a\ufffd[2Jb\ufffdc\td\n");
});

Deno.test("a file on a broken disk is an error that is shown; a closed terminal is none", () => {
  const broken = Object.assign(new Error("Input/output error"), {
    code: "EIO",
  });
  assert.match(shown(broken).text, /Input\/output error/);
  const closed = {
    writeSync: () => {
      throw broken;
    },
  };
  assert.throws(() => writeText(closed, "x"), isOutputGone);
});

/** What plugins may throw: values that are no errors, and errors that throw when they are looked at. */
const ODD: Readonly<Record<string, () => unknown>> = {
  null: () => null,
  symbol: () => Symbol("s"),
  "no prototype": () => Object.create(null),
  "a getter that throws": () => ({
    get message() {
      throw new Error("gotcha");
    },
  }),
  "a proxy": () =>
    new Proxy(new Error("p"), {
      get() {
        throw new Error("trap");
      },
    }),
  "its own cause": () => {
    const error = new Error("round");
    error.cause = error;
    return error;
  },
  "a circle of causes": () => {
    const inner = new Error("inner");
    const outer = new Error("outer", { cause: inner });
    inner.cause = outer;
    return outer;
  },
  "one of ours without words": () =>
    Object.defineProperties(new Error("m"), {
      name: { value: "ConfigError" },
      message: { value: 7 },
    }),
  "a stack that throws": () =>
    Object.defineProperty(new Error("s"), "stack", {
      get() {
        throw new Error("no stack");
      },
    }),
};

for (const [name, make] of Object.entries(ODD)) {
  Deno.test(`what a plugin throws is shown in words, once: ${name}`, () => {
    for (const verbose of [false, true]) {
      const { code, text } = shown(make(), verbose);
      assert.equal(code, 1);
      assert.match(text, /^error: .+/);
    }
    const wrapped = new PluginError("p threw", { cause: make() });
    assert.equal(shown(wrapped, true).code, 2);
    // on its way out of a worker
    const data = errorToData(wrapped);
    structuredClone(data);
    assert.equal(data.message, "p threw");
  });
}

Deno.test("an error of a disk is no fault of ours", () => {
  const error = Object.assign(new Error("Input/output error (os error 5)"), {
    code: "EIO",
  });
  assert.equal(shown(error).text, "error: Input/output error (os error 5)\n");
});
