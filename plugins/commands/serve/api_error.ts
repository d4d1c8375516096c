/**
 * Errors in OpenAI's shape, with what to change.
 * @module
 */

/** Status codes that the server answers with. */
export type ErrorStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 413
  | 415
  | 429
  | 499
  | 500
  | 503
  | 504;

/** What a client gets instead of an answer. */
export class ApiError extends Error {
  readonly status: ErrorStatus;
  /** The field that is wrong. */
  readonly param: string | null;
  /** A word for programs: `model_not_found`. */
  readonly code: string | null;
  /** Seconds after which it may be tried again. */
  readonly retryAfter: number | null;

  constructor(
    status: ErrorStatus,
    message: string,
    { param = null, code = null, retryAfter = null }: {
      readonly param?: string | null;
      readonly code?: string | null;
      readonly retryAfter?: number | null;
    } = {},
  ) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** The body of the answer. */
  get body(): {
    readonly error: {
      readonly message: string;
      readonly type: string;
      readonly param: string | null;
      readonly code: string | null;
    };
  } {
    return {
      error: {
        message: this.message,
        type: typeOf(this.status),
        param: this.param,
        code: this.code,
      },
    };
  }
}

function typeOf(status: ErrorStatus): string {
  if (status === 401 || status === 403) return "authentication_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}
