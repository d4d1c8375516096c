/**
 * Names that data sets give to roles.
 * @module
 */
import type { Message } from "@denotune/denotune/core";
import { z } from "zod";

/** The role of a name; `tool_call` is an assistant turn that calls tools. */
export type RoleName = Message["role"] | "tool_call";

/** Names to roles. */
export type RoleMap = Readonly<Record<string, RoleName>>;

/** Names that need no mapping. */
export const KNOWN_ROLES: RoleMap = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
  chatgpt: "assistant",
  bing: "assistant",
  bard: "assistant",
  model: "assistant",
  tool: "tool",
  ipython: "tool",
  function: "tool",
  observation: "tool",
  function_response: "tool",
  tool_response: "tool",
  function_call: "tool_call",
  tool_call: "tool_call",
};

/** Schema of the option `roles`. */
export const rolesOption: z.ZodDefault<
  z.ZodRecord<
    z.ZodString,
    z.ZodEnum<
      {
        system: "system";
        user: "user";
        assistant: "assistant";
        tool: "tool";
        tool_call: "tool_call";
      }
    >
  >
> = z.record(
  z.string(),
  z.enum(["system", "user", "assistant", "tool", "tool_call"]),
).default({}).describe(
  "Further names of roles, as in {bot: assistant}; they win over the known ones",
);

/** The role of a name, whatever its case. */
export function roleOf(name: string, roles: RoleMap): RoleName | undefined {
  if (Object.hasOwn(roles, name)) return roles[name];
  const lower = name.toLowerCase();
  return Object.hasOwn(KNOWN_ROLES, lower) ? KNOWN_ROLES[lower] : undefined;
}

/** Every name that is understood, for errors. */
export function knownNames(roles: RoleMap): string {
  return [...new Set([...Object.keys(roles), ...Object.keys(KNOWN_ROLES)])]
    .join(", ");
}
