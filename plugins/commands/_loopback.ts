/**
 * What servers on loopback ask of a request.
 * @module
 */
import { timingSafeEqual } from "node:crypto";

const LOOPBACK: ReadonlySet<string> = new Set([
  "127.0.0.1",
  "localhost",
  "[::1]",
]);

/** Whether a `Host` header names this machine, with or without a port. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.has(host.replace(/:\d+$/, ""));
}

/** Compares a secret in a time that does not depend on where the texts differ. */
export function isSame(given: string, secret: string): boolean {
  const [a, b] = [given, secret].map((text) => new TextEncoder().encode(text));
  return a.length === b.length && timingSafeEqual(a, b);
}
