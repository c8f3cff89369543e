/** What goes wrong: the codes of docs/errors.md, and three of our own. */

import type { Frame } from './frames.js';

/**
 * A request, subscription, answer or session that failed.
 *
 * `code` is one of docs/errors.md, or `offline_queue_full` (the queue of what waits for a connection is
 * full), `closed` (the client was closed), `late` (no answer within the request's time).
 */
export class RealtimeError extends Error {
  override readonly name = 'RealtimeError';

  constructor(
    readonly code: string,
    message: string = code,
    readonly retryable = false,
    readonly retryAfterSeconds?: number,
    /** The room that it is about, where it is about one of several. */
    readonly room?: string,
  ) {
    super(message);
  }
}

/** After these close codes a client does not come back unchanged. */
const TERMINAL = new Set([1000, 1009, 4400, 4401, 4403]);

export const isTerminal = (closeCode: number): boolean => TERMINAL.has(closeCode);

const number = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 ? value : undefined;

/** The error that an `error`, `closing` or `failed` frame, or a problem document, tells of. */
export function errorOf(frame: Readonly<Record<string, unknown>> | Frame): RealtimeError {
  return new RealtimeError(
    String(frame.code ?? 'unknown'),
    String(frame.message ?? frame.detail ?? frame.title ?? frame.code),
    frame.retryable === true,
    number(frame.retry_after_seconds) ?? number(frame.retry_after),
    typeof frame.room === 'string' ? frame.room : undefined,
  );
}
