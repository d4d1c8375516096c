/**
 * Roles in tags, the most usual shape of a turn.
 * @module
 */
import type { Role } from "@denotune/denotune/core";
import type { TurnTags } from "./turn_style.ts";

const ROLES: readonly Role[] = ["system", "user", "assistant", "tool"];

/** `<|system|>` and so on, for every role. */
export const ROLE_MARKERS: readonly string[] = ROLES.map((role) =>
  `<|${role}|>`
);

/** The same tags for every role, with its name (or another one) in them. */
export function roleTags(
  tags: (role: string) => TurnTags,
  names: Partial<Record<Role, string>> = {},
): Record<Role, TurnTags> {
  const [system, user, assistant, tool] = ROLES.map((role) =>
    tags(names[role] ?? role)
  );
  return { system, user, assistant, tool };
}
