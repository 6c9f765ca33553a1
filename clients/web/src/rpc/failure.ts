/** Errors of calls and streams, with the status codes of gRPC. */

const NAMES = [
  "ok",
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const;

export type Code = (typeof NAMES)[number];

/** WebSockets end with 4000 and the number of the status. */
const CLOSE_BASE = 4000;
const NORMAL_CLOSURE = 1000;

/** After these a reconnect would only fail again, or must not happen (aborted: an administrator ended the session). */
const FINAL: ReadonlySet<Code> = new Set([
  "invalid_argument",
  "not_found",
  "permission_denied",
  "failed_precondition",
  "aborted",
  "unimplemented",
  "unauthenticated",
]);

export class Failure extends Error {
  constructor(
    readonly code: Code,
    message: string,
  ) {
    super(message);
  }

  get isFinal(): boolean {
    return FINAL.has(this.code);
  }
}

/** What the close of a WebSocket means; null: the stream ended as it should. */
export function failureOfClose(code: number, reason: string): Failure | null {
  if (code === NORMAL_CLOSURE) return null;
  const name = NAMES[code - CLOSE_BASE];
  if (name === undefined || name === "ok") return new Failure("unavailable", "the connection was lost");
  return new Failure(name, reason || name.replaceAll("_", " "));
}

/** What the reply to an HTTP request means that is not 200. */
export function failureOfReply(status: number, body: string): Failure {
  if (status === 401) return new Failure("unauthenticated", messageIn(body) ?? "the server did not accept the token");
  const code = NAMES.find((name) => name === fieldIn(body, "code"));
  const message = messageIn(body) ?? (body.trim().slice(0, 300) || `HTTP status ${status}`);
  return new Failure(code ?? (status === 403 || status === 421 ? "permission_denied" : "unavailable"), message);
}

function fieldIn(body: string, name: string): string | undefined {
  try {
    const value: unknown = (JSON.parse(body) as Record<string, unknown>)[name];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

const messageIn = (body: string) => fieldIn(body, "message");

export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure("unavailable", "the server cannot be reached");
}
