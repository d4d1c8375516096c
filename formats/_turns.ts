/**
 * Reads a list of turns: the shape behind `messages` and `sharegpt`.
 * @module
 */
import {
  type Format,
  type Message,
  plainNumbers,
  type RawRecord,
} from "@denotune/denotune/core";
import {
  behindSystem,
  describe,
  exactRecord,
  infoOf,
  isObject,
  refuse,
  required,
  rowOf,
  valueAt,
} from "./_columns.ts";
import { knownNames, type RoleMap, roleOf } from "./_roles.ts";
import { parsed, toolCallsOf, toolsOf } from "./_tools.ts";

/** Keys of what a turn thinks apart from what it says. */
const THOUGHTS = ["reasoning_content", "reasoning", "thinking"];

/** How turns are written. */
export interface TurnShape {
  /** Key of the role: `role` or `from`. */
  readonly roleKey: string;
  /** Key of the text: `content` or `value`. */
  readonly contentKey: string;
  /** Further names of roles. */
  readonly roles: RoleMap;
  /** A missing role is the user's, missing content is empty; else such turns are refused. */
  readonly lenient?: boolean;
  /** How errors name the list: the column. */
  readonly column: string;
}

/** Where a conversation is read. */
export interface ConversationColumns {
  /** What the run file calls the option that names the list of turns, `shape.column`. */
  readonly option: string;
  readonly shape: TurnShape;
  /** Columns beside the list; null: not read. */
  readonly tools: string | null;
  readonly system: string | null;
}

/** The format of such rows. */
export function conversationFormat(
  { option, shape, tools, system }: ConversationColumns,
): Format {
  return {
    template: "chatml",
    recognises: (row) =>
      looksLikeTurns(valueAt(row, shape.column), shape) ? 1 : 0,
    parse: (record) => {
      const exact = exactRecord(record);
      const list = required(exact, { name: shape.column, option });
      const given = tools === null
        ? undefined
        : toolsOf(record, valueAt(rowOf(exact), tools), tools);
      return {
        ...infoOf(record),
        messages: behindSystem(record, system, turnsOf(record, list, shape)),
        ...(given === undefined ? {} : { tools: given }),
      };
    },
  };
}

/** The turns of a list, or of its JSON. Throws `DataError` naming the turn, counted from 1. */
export function turnsOf(
  record: RawRecord,
  value: unknown,
  shape: TurnShape,
): Message[] {
  const list = fromJson(value);
  if (!Array.isArray(list)) {
    return refuse(
      record,
      `the column "${shape.column}" must be a list of turns, found ${
        describe(plainNumbers(list))
      }`,
    );
  }
  if (list.length === 0) {
    refuse(record, `the column "${shape.column}" has no turns; remove the row`);
  }
  return list.map((turn, i) =>
    turnOf(record, turn, {
      ...shape,
      place: `turn ${i + 1} of "${shape.column}"`,
    })
  );
}

function turnOf(
  record: RawRecord,
  turn: unknown,
  shape: TurnShape & { place: string },
): Message {
  const { place, roleKey, contentKey, roles, lenient = false } = shape;
  if (!isObject(turn)) {
    return refuse(
      record,
      `${place} must be an object, found ${describe(plainNumbers(turn))}`,
    );
  }
  const name = turn[roleKey] ?? (lenient ? "user" : undefined);
  if (typeof name !== "string") {
    return refuse(
      record,
      `${place} has no "${roleKey}" that says who speaks; it is ${
        describe(plainNumbers(turn))
      }`,
    );
  }
  const role = roleOf(name, roles);
  if (role === undefined) {
    return refuse(
      record,
      `${place} has the unknown role ${JSON.stringify(name)}; known: ${
        knownNames(roles)
      }. Map it with roles`,
    );
  }
  const weight = weightOf(record, turn, place);
  const value = turn[contentKey];
  if (role === "tool_call") {
    return {
      role: "assistant",
      content: "",
      tool_calls: toolCallsOf(record, turn.tool_calls ?? value, place),
      ...(weight === undefined ? {} : { weight }),
    };
  }
  const calls = turn.tool_calls;
  const hasCalls = role === "assistant" && calls !== undefined &&
    calls !== null && !(Array.isArray(calls) && calls.length === 0);
  const isAbsent = value === null || value === undefined;
  const { text, weight: partWeight } = isAbsent && (hasCalls || lenient)
    ? { text: "" }
    : contentOf(record, value, { place, key: contentKey });
  const finalWeight = weight ?? partWeight;
  const thoughts = THOUGHTS.map((key) => turn[key]).find((value) =>
    typeof value === "string"
  );
  return {
    role,
    content: text,
    ...(isAbsent && hasCalls
      ? { content_is: value === null ? "null" : "missing" }
      : {}),
    ...(hasCalls ? { tool_calls: toolCallsOf(record, calls, place) } : {}),
    ...(thoughts === undefined ? {} : { reasoning_content: thoughts }),
    ...(typeof turn.tool_call_id === "string"
      ? { tool_call_id: turn.tool_call_id }
      : {}),
    ...(typeof turn.name === "string" ? { name: turn.name } : {}),
    ...(finalWeight === undefined ? {} : { weight: finalWeight }),
  };
}

/** Text, or a list of text parts, joined; parts may carry a weight if all carry the same. */
function contentOf(
  record: RawRecord,
  value: unknown,
  { place, key }: { place: string; key: string },
): { text: string; weight?: number } {
  if (typeof value === "string") return { text: value };
  if (!Array.isArray(value)) {
    return refuse(
      record,
      `${place} must have text (or a list of text parts) in "${key}", found ${
        describe(plainNumbers(value))
      }`,
    );
  }
  let text = "";
  let weight: number | undefined;
  for (const [i, part] of value.entries()) {
    const at = `part ${i + 1} of ${place}`;
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const type = isObject(part) ? part.type ?? "text" : undefined;
    const said = isObject(part) ? part.text ?? part.value : undefined;
    if (!isObject(part) || type !== "text" || typeof said !== "string") {
      return refuse(
        record,
        isObject(part) && type !== "text"
          ? `${at} is of type ${
            JSON.stringify(type)
          }; only text is trained on. Remove the row, or describe it in text`
          : `${at} must be {"type": "text", "text": ...}, found ${
            describe(plainNumbers(part))
          }`,
      );
    }
    const own = weightOf(record, part, at);
    if (i > 0 && own !== weight) {
      refuse(
        record,
        `the parts of ${place} have different weights; a turn has one. Split it into turns`,
      );
    }
    weight = own;
    text += said;
  }
  return weight === undefined ? { text } : { text, weight };
}

/** `weight`, `loss_weight` or `train` of a turn or part. */
function weightOf(
  record: RawRecord,
  turn: Readonly<Record<string, unknown>>,
  place: string,
): number | undefined {
  let weight: number | undefined;
  for (const key of ["weight", "loss_weight", "train"]) {
    const value = plainNumbers(turn[key]);
    if (value === undefined || value === null) continue;
    const found = value === true ? 1 : value === false ? 0 : value;
    if (typeof found !== "number" || !Number.isFinite(found) || found < 0) {
      return refuse(
        record,
        `"${key}" of ${place} must be a number from 0 up, true or false, found ${
          describe(value)
        }`,
      );
    }
    if (weight !== undefined && weight !== found) {
      refuse(
        record,
        `${place} has several weights that differ (weight, loss_weight, train); keep one`,
      );
    }
    weight = found;
  }
  return weight;
}

/** Whether a value looks like a list of turns with these keys, or its JSON: for `recognises`. */
export function looksLikeTurns(
  value: unknown,
  { roleKey, contentKey }: { roleKey: string; contentKey: string },
): boolean {
  const list = fromJson(value);
  return Array.isArray(list) && list.length > 0 &&
    list.every((turn) =>
      isObject(turn) && typeof turn[roleKey] === "string" &&
      (contentKey in turn || "tool_calls" in turn)
    );
}

/** CSV and some Parquet sets hold lists as their JSON. */
function fromJson(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*\[/.test(value)) return value;
  return parsed(value) ?? value;
}
