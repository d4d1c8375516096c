/**
 * A small Hub on the loopback interface: lists, redirects to a CDN on another port, serves ranges, and
 * fails on demand.
 * @module
 */
import { createHash } from "node:crypto";
import { Uploads } from "./hub_uploads.ts";

/** A repository of the server. */
export interface FakeRepository {
  /** Content by path; bytes, or text. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Files above 100 bytes, and these, are large: checksums by SHA-256, served by the CDN. */
  readonly large?: readonly string[];
  /** Branches and tags besides `main`, which is the commit itself. */
  readonly commit?: string;
  /** The id it has now, as the Hub's first repositories do: everything redirects there. */
  readonly movedTo?: string;
  /** 401 or 403 with `GatedRepo`, unless the token is right. */
  readonly gated?: boolean;
  /** Entries of the list that are not files of the repository: for hostile lists. */
  readonly listed?: readonly Record<string, unknown>[];
}

/** What goes wrong, the next `times` times (default 1), with requests whose path includes `path`. */
export interface Fault {
  readonly path: string;
  readonly times?: number;
  /** Only on this side. */
  readonly on?: "hub" | "cdn";
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The connection ends after so many bytes of the answer. */
  readonly cutAfter?: number;
  /** Sends nothing more after so many bytes, for so long. */
  readonly hangAfter?: { readonly bytes: number; readonly ms: number };
  /** Changes the bytes that are sent. */
  readonly change?: (bytes: Uint8Array) => Uint8Array;
  /** The answer does not say how long it is. */
  readonly noLength?: boolean;
  /** Ranges are not understood: everything is sent. */
  readonly ignoreRange?: boolean;
  /** Waits before each 64 KiB. */
  readonly slowMs?: number;
  /** Bytes sent at a time instead of 64 KiB. */
  readonly pieceBytes?: number;
}

/** A request that came. */
export interface Seen {
  readonly on: "hub" | "cdn";
  readonly method: string;
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
}

/** A running server. */
export interface FakeHub extends AsyncDisposable {
  /** For `HF_ENDPOINT`. */
  readonly endpoint: string;
  readonly seen: Seen[];
  /** What was pushed: it can be read like the repositories that it was started with. */
  readonly uploads: Uploads;
  /** Adds a fault; later ones are used after earlier ones are used up. */
  fail(fault: Fault): void;
  /** Forgets the faults that are left. */
  reset(): void;
}

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** The token that gated repositories open to. */
export const TOKEN = "hf_test";

interface Entry {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isLarge: boolean;
  readonly sha1: string;
  readonly sha256: string;
}

/** Starts a server. Keys: `owner/name` of models, `datasets/owner/name` of data sets. */
export function startHub(
  repositories: Readonly<Record<string, FakeRepository>>,
): FakeHub {
  const seen: Seen[] = [];
  const faults: { fault: Fault; left: number }[] = [];
  const note = (on: Seen["on"], request: Request) => {
    const url = new URL(request.url);
    const path = decodeURIComponent(url.pathname) + url.search;
    seen.push({
      on,
      method: request.method,
      path,
      range: request.headers.get("range"),
      authorization: request.headers.get("authorization"),
    });
    const found = faults.find((f) =>
      f.left > 0 && path.includes(f.fault.path) &&
      (f.fault.on === undefined || f.fault.on === on)
    );
    if (found !== undefined) found.left--;
    return { url, fault: found?.fault };
  };
  const uploads = new Uploads(TOKEN);
  const repositoryOf = (id: string): FakeRepository | undefined => {
    const pushed = uploads.repositories.get(id);
    return pushed === undefined
      ? repositories[id]
      : { files: Object.fromEntries(pushed.files) };
  };
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };

  const cdn = Deno.serve(options, (request) => {
    const { url, fault } = note("cdn", request);
    if (fault?.status !== undefined) return failure(fault);
    const entry = entryAt(decodeURIComponent(url.pathname.slice(1)));
    if (entry === undefined) return new Response("gone", { status: 404 });
    return content(entry, request, fault);
  });

  const entries = new Map<string, Entry[]>();
  for (const [id, repository] of Object.entries(repositories)) {
    entries.set(id, entriesOf(repository));
  }
  const entryAt = (key: string) => {
    const [id, path] = key.split("\n");
    return entries.get(id)?.find((e) => e.path === path);
  };

  const hub = Deno.serve(options, async (request) => {
    const { url, fault } = note("hub", request);
    if (fault?.status !== undefined) {
      await request.body?.cancel();
      return failure(fault);
    }
    const pushing = await uploads.answer(request, url.origin);
    if (pushing !== null) return pushing;
    const path = decodeURIComponent(url.pathname);
    const api =
      /^\/api\/(models|datasets)\/((?:[^/]+\/)?[^/]+)\/(revision|tree)\/([^/]+)$/
        .exec(path);
    const file = /^\/(datasets\/)?((?:[^/]+\/)?[^/]+)\/resolve\/([^/]+)\/(.+)$/
      .exec(
        path,
      );
    const id = api !== null
      ? `${api[1] === "datasets" ? "datasets/" : ""}${api[2]}`
      : file !== null
      ? `${file[1] ?? ""}${file[2]}`
      : "";
    const repository = repositoryOf(id);
    if (repository === undefined) {
      return refusal(401, "RepoNotFound", "Invalid username or password.");
    }
    if (repository.movedTo !== undefined) {
      const name = id.replace(/^datasets\//, "");
      const location = path.replace(`/${name}/`, `/${repository.movedTo}/`) +
        url.search;
      return new Response(null, { status: 307, headers: { location } });
    }
    const authorization = request.headers.get("authorization");
    if (authorization !== null && authorization !== `Bearer ${TOKEN}`) {
      return refusal(401, "", "Invalid credentials in Authorization header");
    }
    // the Hub lists gated repositories to everybody, but gives no files
    if (repository.gated && api === null && authorization === null) {
      return refusal(401, "GatedRepo", `Access to ${id} is restricted.`);
    }
    const commit = repository.commit ?? COMMIT;
    const revision = api?.[4] ?? file?.[3] ?? "";
    if (!["main", commit, "v1", "refs/pr/1"].includes(revision)) {
      return refusal(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    }
    const pushed = uploads.repositories.get(id);
    const own = pushed === undefined
      ? entries.get(id) ?? []
      : entriesOf(repository);
    if (api?.[3] === "revision") {
      return Response.json({
        _id: "1",
        id: api[2],
        sha: commit,
        private: pushed?.isPrivate ?? false,
        lastModified: "2026-01-01",
      });
    }
    if (api !== null) return list(url, own, repository);
    const entry = own.find((e) => e.path === file?.[4]);
    if (entry === undefined) {
      return refusal(404, "EntryNotFound", "Entry not found");
    }
    // what was pushed is small enough for the Hub itself
    if (!entry.isLarge || pushed !== undefined) {
      return content(entry, request, fault);
    }
    const to = `http://127.0.0.1:${cdn.addr.port}/${
      encodeURIComponent(`${id}\n${entry.path}`)
    }?signature=x`;
    return new Response(null, {
      status: 302,
      headers: {
        location: to,
        "x-repo-commit": commit,
        "x-linked-etag": `"${entry.sha256}"`,
        "x-linked-size": String(entry.bytes.length),
      },
    });
  });

  return {
    endpoint: `http://127.0.0.1:${hub.addr.port}`,
    seen,
    uploads,
    reset: () => void (faults.length = 0),
    fail: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([hub.shutdown(), cdn.shutdown()]);
    },
  };
}

function entriesOf({ files, large = [] }: FakeRepository): Entry[] {
  return Object.entries(files).map(([path, content]) => {
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
    const sha1 = createHash("sha1").update(`blob ${bytes.length}\0`)
      .update(bytes).digest("hex");
    return {
      path,
      bytes,
      isLarge: bytes.length > 100 || large.includes(path),
      sha1,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    };
  });
}

/** Three entries a page, with a link to the next, as the Hub does with a thousand. */
function list(
  url: URL,
  entries: readonly Entry[],
  { listed = [] }: FakeRepository,
): Response {
  const all = [
    ...entries.map((e) => ({
      type: "file",
      path: e.path,
      size: e.bytes.length,
      oid: e.isLarge ? "f".repeat(40) : e.sha1,
      ...(e.isLarge
        ? { lfs: { oid: e.sha256, size: e.bytes.length, pointerSize: 130 } }
        : {}),
    })),
    { type: "directory", path: "folder", size: 0, oid: "e".repeat(40) },
    ...listed,
  ];
  const from = Number(url.searchParams.get("cursor") ?? 0);
  const next = new URL(url);
  next.searchParams.set("cursor", String(from + 3));
  return Response.json(all.slice(from, from + 3), {
    headers: from + 3 < all.length ? { link: `<${next}>; rel="next"` } : {},
  });
}

function refusal(status: number, code: string, error: string): Response {
  return Response.json({ error }, {
    status,
    headers: code === ""
      ? {}
      : { "x-error-code": code, "x-error-message": error },
  });
}

function failure(fault: Fault): Response {
  return new Response(fault.body ?? "failing on demand", {
    status: fault.status,
    headers: fault.headers,
  });
}

function content(
  entry: Entry,
  request: Request,
  fault: Fault | undefined,
): Response {
  let bytes = fault?.change?.(entry.bytes) ?? entry.bytes;
  const total = bytes.length;
  const range = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "");
  const headers = new Headers({
    etag: `"${entry.isLarge ? entry.sha256 : entry.sha1}"`,
  });
  let status = 200;
  if (range !== null && fault?.ignoreRange !== true) {
    const from = Number(range[1]);
    if (from >= total) {
      headers.set("content-range", `bytes */${total}`);
      return new Response(null, { status: 416, headers });
    }
    status = 206;
    headers.set("content-range", `bytes ${from}-${total - 1}/${total}`);
    bytes = bytes.subarray(from);
  }
  headers.set("content-length", String(bytes.length));
  if (fault?.noLength) {
    headers.delete("content-length");
    return new Response(faulty(bytes, { ...fault, slowMs: 1 }), { headers });
  }
  if (
    fault?.cutAfter === undefined && fault?.hangAfter === undefined &&
    fault?.slowMs === undefined
  ) return new Response(new Uint8Array(bytes), { status, headers });
  return new Response(faulty(bytes, fault), { status, headers });
}

function faulty(bytes: Uint8Array, fault: Fault): ReadableStream<Uint8Array> {
  const end = fault.cutAfter ?? bytes.length;
  const hang = fault.hangAfter;
  let at = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (ms: number) =>
    new Promise((done) => timer = setTimeout(done, ms));
  return new ReadableStream({
    async pull(controller) {
      if (fault.slowMs !== undefined) await wait(fault.slowMs);
      if (hang !== undefined && at >= hang.bytes) await wait(hang.ms);
      const to = Math.min(
        at + (fault.pieceBytes ?? 65_536),
        end,
        hang !== undefined && at < hang.bytes ? hang.bytes : end,
      );
      if (at < to) controller.enqueue(bytes.slice(at, to));
      at = to;
      if (at < end) return;
      if (end < bytes.length) await wait(5); // so that what was sent arrives
      controller.close(); // fewer bytes than were promised: the connection is cut
    },
    cancel: () => clearTimeout(timer),
  });
}
