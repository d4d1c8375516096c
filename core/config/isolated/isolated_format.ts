/**
 * A format in the process of its plugin; one that it chooses stays there, too.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Format } from "../../contracts/format.ts";
import type { RawRecord } from "../../contracts/source.ts";
import { callsOf, describe, make, type Making } from "./making.ts";
import type { Described } from "./messages.ts";
import { isDescribed, partOf } from "./part_members.ts";

/** Makes it. */
export async function isolatedFormat(making: Making): Promise<Format> {
  const { seat, described } = await make(making, making.shared.carrier);
  return formatOf(described, { seat, making });
}

function formatOf(
  described: Described,
  { seat, making }: { readonly seat: number; readonly making: Making },
): Format {
  const { carrier } = making.shared;
  const calls = callsOf(seat, making);
  const made = { ...partOf("format", described, calls), ...calls.batched };
  if (made.choose === undefined) return made;
  return {
    ...made,
    choose: (sample: readonly RawRecord[]) => {
      const inner = carrier.newSeat();
      const chosen = calls.call("choose", [sample, inner]) as Record<
        string,
        unknown
      >;
      const { format, name, reason } = chosen;
      if (
        !isDescribed("format", format) || typeof name !== "string" ||
        typeof reason !== "string"
      ) {
        throw new PluginError(
          `\`choose\` of the ${describe(making)} gave no format with a name`,
        );
      }
      carrier.keep(inner, {
        type: "call",
        seat,
        method: "choose",
        calls: [[sample, inner]],
      });
      return {
        format: formatOf(format, { seat: inner, making }),
        name,
        reason,
      };
    },
  };
}
