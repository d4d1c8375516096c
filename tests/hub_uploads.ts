/**
 * The side of the small Hub that takes models: repositories are made, large files put by their hash, commits written.
 * @module
 */
import { createHash } from "node:crypto";

/** A repository that was made. */
export interface PushedRepository {
  readonly isPrivate: boolean;
  /** Content by path. */
  readonly files: Map<string, Uint8Array>;
  /** Messages of its commits. */
  readonly commits: string[];
}

/** The only account. */
export const ACCOUNT = "me";

/** Files of more bytes are large. */
const LARGE = 100;

/** What was pushed, and the requests that push. */
export class Uploads {
  /** By `owner/name`. */
  readonly repositories = new Map<string, PushedRepository>();
  /** Large files by SHA-256, also those of no commit. */
  readonly large = new Map<string, Uint8Array>();
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** Answers a request; null: it does not push. */
  async answer(request: Request, origin: string): Promise<Response | null> {
    const path = decodeURIComponent(new URL(request.url).pathname);
    const put = /^\/lfs\/([0-9a-f]{64})$/.exec(path);
    if (put !== null && request.method === "PUT") {
      const bytes = new Uint8Array(await request.arrayBuffer());
      if (hashOf(bytes) !== put[1]) return refusal(400, "another hash");
      this.large.set(put[1], bytes);
      return new Response(null, { status: 200 });
    }
    const found =
      /^\/api\/(repos\/create)$|^\/api\/models\/([^/]+\/[^/]+)\/(preupload|commit)\/main$|^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/(batch)$/
        .exec(path);
    if (found === null || request.method !== "POST") return null;
    if (request.headers.get("authorization") !== `Bearer ${this.#token}`) {
      return refusal(401, "Invalid credentials in Authorization header");
    }
    const what = found[1] ?? found[3] ?? found[5];
    if (what === "repos/create") return this.#create(await request.json());
    const id = found[2] ?? found[4];
    const repository = this.repositories.get(id);
    if (repository === undefined) return refusal(404, "Repository not found");
    if (what === "preupload") {
      const { files }: { files: { path: string; size: number }[] } =
        await request.json();
      return Response.json({
        files: files.map(({ path, size }) => ({
          path,
          uploadMode: size > LARGE ? "lfs" : "regular",
        })),
      });
    }
    if (what === "batch") {
      const { objects }: { objects: { oid: string; size: number }[] } =
        await request.json();
      return Response.json({
        transfer: "basic",
        objects: objects.map((object) => ({
          ...object,
          ...(this.large.has(object.oid) ? {} : {
            actions: { upload: { href: `${origin}/lfs/${object.oid}` } },
          }),
        })),
      });
    }
    return this.#commit(repository, await request.text());
  }

  #create(
    { name, organization, visibility }: {
      name: string;
      organization: string;
      visibility: string;
    },
  ): Response {
    const id = `${organization}/${name}`;
    if (organization !== ACCOUNT) {
      return refusal(403, `You have no rights in ${organization}`);
    }
    if (this.repositories.has(id)) {
      return refusal(409, "You already created this model repo");
    }
    this.repositories.set(id, {
      isPrivate: visibility === "private",
      files: new Map(),
      commits: [],
    });
    return Response.json({ url: `/${id}`, id });
  }

  #commit(repository: PushedRepository, lines: string): Response {
    for (const line of lines.split("\n")) {
      const { key, value } = JSON.parse(line);
      if (key === "header") repository.commits.push(value.summary);
      else if (key === "file") {
        repository.files.set(
          value.path,
          Uint8Array.from(atob(value.content), (c) => c.charCodeAt(0)),
        );
      } else {
        const bytes = this.large.get(value.oid);
        if (bytes === undefined) return refusal(400, "no such object");
        repository.files.set(value.path, bytes);
      }
    }
    const oid = String(repository.commits.length).padStart(40, "0");
    return Response.json({ commitOid: oid, commitUrl: `/commit/${oid}` });
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function refusal(status: number, error: string): Response {
  return Response.json({ error }, { status });
}
