/**
 * The host of an isolated part: its facts as data, and the answers to what the part asks of it while it works.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Choice, Host, Kind } from "../../contracts/plugin.ts";
import type { Callback } from "./carrier.ts";
import type { HostData } from "./messages.ts";
import { describeMade, type IsolableKind } from "./part_members.ts";

/** What of a host is data. */
export function hostData(host: Host): HostData {
  const { modelDir, modelConfig, seed, tokenizer } = host;
  return {
    modelDir,
    modelConfig,
    seed,
    tokenizer: tokenizer === null ? null : {
      vocabSize: tokenizer.vocabSize,
      specialTokens: { ...tokenizer.specialTokens },
      specialIds: { ...tokenizer.specialIds },
      chatTemplate: tokenizer.chatTemplate,
      addsBos: tokenizer.addsBos,
    },
  };
}

/** Parts of this process that an isolated one may be made of. */
const LENT: readonly Kind[] = ["format", "template", "masker"];

/** Whether a choice has options with a text in them. */
function hasTexts(choice: unknown): boolean {
  const inside = (value: unknown): boolean =>
    typeof value === "string" ||
    typeof value === "object" && value !== null &&
      Object.values(value).some(inside);
  return typeof choice === "object" && choice !== null &&
    Object.entries(choice).some(([key, value]) =>
      key !== "use" && inside(value)
    );
}

/** Answers what a part asks of its host. */
export function hostCallback(host: Host): Callback {
  const lent: object[] = [];
  // by what was asked for: a process that is started again asks again, where nothing can be awaited
  const known = new Map<string, unknown>();
  const { tokenizer } = host;
  return (method, args) => {
    const [first] = args;
    switch (method) {
      case "idOf":
        return tokenizer?.idOf(String(first)) ?? null;
      case "tokenOf":
        return tokenizer?.tokenOf(Number(first)) ?? null;
      case "isSpecial":
        return tokenizer?.isSpecial(Number(first)) ?? false;
      case "resolvePath":
        return host.resolvePath(String(first));
      case "list":
        return [...host.list(first as Kind)];
      case "notice":
        return host.notice(String(first));
      case "create": {
        const key = JSON.stringify(args);
        if (known.has(key)) return known.get(key);
        const kind = LENT.find((one) => one === first);
        if (kind === undefined) {
          throw new PluginError(
            `an isolated part may be made of a ${LENT.join(", ")}, not of a ${
              String(first)
            }`,
          );
        }
        if (hasTexts(args[1])) {
          // the option of a template may be the path of a file, which would be read with this process's rights
          throw new PluginError(
            `an isolated part may be made of a ${kind} with numbers as options, not with texts`,
          );
        }
        return host.create(kind, args[1] as Choice).then((made) => {
          const index = lent.push(made) - 1;
          const answer = {
            index,
            described: describeMade(kind as IsolableKind, { seat: 0, made }),
          };
          known.set(key, answer);
          return answer;
        });
      }
      case "call": {
        const [index, name, ...rest] = args;
        const made = lent[Number(index)];
        // only what parts have is called, never what every object inherits
        const called: unknown = made !== undefined &&
            Object.hasOwn(made, String(name))
          ? Reflect.get(made, String(name))
          : undefined;
        if (typeof called !== "function") {
          throw new PluginError(`there is no \`${String(name)}\` to call`);
        }
        return called.apply(made, rest);
      }
    }
    throw new PluginError(`a host has no \`${method}\``);
  };
}
