/**
 * What the Hub and the network answer when they do not give what was asked for, said to people.
 * @module
 */
import { DataError, isDenotuneError } from "../../contracts/errors.ts";
import { permissionError, whyUnset } from "../../permissions.ts";
import type { HubAccess } from "./access.ts";

/** What a request was for. */
export interface Asked {
  /** `model owner/name`, `data set owner/name`. */
  readonly repository: string;
  /** Address of its page. */
  readonly page: string;
  /** The file, or null where the request is about the repository. */
  readonly file: string | null;
  /** Branch, tag or commit. */
  readonly revision: string;
}

/** A failure that may pass: tried again. */
export class Passing extends Error {
  /** What the server asked to wait, in milliseconds. */
  readonly waitMs: number | null;

  constructor(message: string, waitMs: number | null = null) {
    super(message);
    this.waitMs = waitMs;
  }
}

/** What an answer other than success means: a {@linkcode Passing} failure, or the error to throw. */
export async function failureOf(
  response: Response,
  asked: Asked,
  access: HubAccess,
): Promise<Error> {
  const { status, headers } = response;
  const said = headers.get("x-error-message") ?? await shortText(response);
  const told = said === "" ? "" : ` (it says: ${said})`;
  if (
    status === 408 || status === 425 || status === 429 ||
    (status >= 500 && status !== 501)
  ) {
    return new Passing(
      `answered ${status}${told}`,
      waitOf(headers.get("retry-after")),
    );
  }
  const code = headers.get("x-error-code") ?? "";
  const { repository, page, revision, file } = asked;
  if (code === "GatedRepo") {
    return new DataError(
      `The ${repository} is gated: accept its terms at ${page}${
        access.token === null
          ? ", then set HF_TOKEN to a token of that account (or run `hf auth login`)"
          : " with the account that HF_TOKEN belongs to"
      }${told}`,
    );
  }
  if (code === "RevisionNotFound") {
    return new DataError(
      `The ${repository} has no revision ${revision}; see ${page}/tree/main for its branches and tags`,
    );
  }
  if (code === "EntryNotFound" || (status === 404 && file !== null)) {
    return new DataError(
      `The ${repository} has no file ${file} at revision ${revision}${told}`,
    );
  }
  if (code === "DisabledRepo") {
    return new DataError(
      `The Hub has disabled the ${repository}${told}`,
    );
  }
  if (status === 401 || status === 404 || code === "RepoNotFound") {
    return new DataError(
      `The Hub (${access.endpoint}) has no ${repository}${
        access.token === null
          ? `, or it is private: check the name, or set HF_TOKEN${
            whyUnset("HF_TOKEN") === "is not set"
              ? ""
              : `, which ${whyUnset("HF_TOKEN")}`
          }`
          : ", or the account of HF_TOKEN may not see it: check the name and the token"
      }`,
    );
  }
  if (status === 403) {
    return new DataError(
      `The Hub refuses access to the ${repository}${told}; look at ${page}, and at what HF_TOKEN may read`,
    );
  }
  return new DataError(
    `Cannot read the ${repository} from ${access.endpoint}: it answered ${status}${told}`,
  );
}

/** What an exception of `fetch` or of a body means. */
export function thrownFailure(error: unknown, access: HubAccess): unknown {
  if (access.signal?.aborted) return access.signal.reason;
  if (isDenotuneError(error) || error instanceof Passing) return error;
  const forbidden = permissionError("reach the Hub", error);
  if (forbidden !== null) return forbidden;
  return new Passing(error instanceof Error ? error.message : String(error));
}

/** Milliseconds that a `Retry-After` header asks for: seconds, or a date. */
export function waitOf(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d+(\.\d+)?$/.test(header.trim())) return Number(header) * 1000;
  const until = Date.parse(header);
  return Number.isNaN(until) ? null : Math.max(0, until - Date.now());
}

async function shortText(response: Response): Promise<string> {
  try {
    const text = await boundedText(response, 65_536);
    let said = text;
    try {
      const body: unknown = JSON.parse(text);
      if (
        typeof body === "object" && body !== null && "error" in body &&
        typeof body.error === "string"
      ) said = body.error;
    } catch {
      // a page, not JSON
      if (/^\s*</.test(text)) return "";
    }
    said = said.replace(/\s+/g, " ").trim();
    return said.length > 200 ? `${said.slice(0, 200)}...` : said;
  } catch {
    return "";
  }
}

/** A body as text. Throws {@linkcode Passing} above `limit` bytes. */
export async function boundedText(
  response: Response,
  limit: number,
): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let length = 0;
  let text = "";
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > limit) {
      throw new Passing(`sent more than ${limit} bytes where a list belongs`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
