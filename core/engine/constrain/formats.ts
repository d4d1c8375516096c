/**
 * Formats of JSON Schema as patterns: each matches texts of its format, if not all of them. Other formats hold nothing,
 * as the specification has it.
 * @module
 */

const MONTH_DAY =
  "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))";
const DATE = `[12][0-9]{3}-${MONTH_DAY}`;
const TIME =
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
const BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const HEX = "[0-9a-f]";

/** Patterns by format. */
export const FORMATS: Readonly<Record<string, string>> = {
  date: `^${DATE}$`,
  time: `^${TIME}$`,
  "date-time": `^${DATE}T${TIME}$`,
  duration:
    "^P([1-9][0-9]{0,3}D|T([1-9][0-9]{0,3}H|[1-9][0-9]{0,3}M|[1-9][0-9]{0,3}S))$",
  email:
    `^[a-z0-9]+([._+-][a-z0-9]+){0,4}@${LABEL}(\\.${LABEL}){0,3}\\.[a-z]{2,10}$`,
  hostname: `^${LABEL}(\\.${LABEL}){0,4}$`,
  ipv4: `^${BYTE}(\\.${BYTE}){3}$`,
  ipv6: `^(${HEX}{1,4}:){7}${HEX}{1,4}$`,
  uri:
    `^https?://${LABEL}(\\.${LABEL}){0,4}(:[1-9][0-9]{1,3})?(/[A-Za-z0-9._~-]{1,40}){0,8}(\\?[A-Za-z0-9=&_-]{1,80})?$`,
  uuid: `^${HEX}{8}-${HEX}{4}-[1-5]${HEX}{3}-[89ab]${HEX}{3}-${HEX}{12}$`,
};
