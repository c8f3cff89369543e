/** How a feed's stream ends: in the words of a WebSocket's. */

import type { Ending } from '../connection.js';
import { RealtimeError } from '../errors.js';
import type { Frame } from '../frames.js';

const CLOSE: Record<string, number> = {
  unauthenticated: 4401,
  token_expired: 4401,
  forbidden: 4403,
  draining: 1012,
  unavailable: 1013,
  slow_consumer: 4413,
  rate_limited: 4429,
};

const OF_A_ROOM = new Set([
  'forbidden',
  'not_member',
  'invalid_name',
  'not_found',
  'invalid_cursor',
]);

/** The server's last word on a stream. */
export class Closed extends Error {
  constructor(readonly frame: Frame) {
    super('closing');
  }
}

/** Whether a refusal is of one room, and harms no other. */
export const isOfARoom = (error: unknown): error is RealtimeError =>
  error instanceof RealtimeError && OF_A_ROOM.has(error.code);

/** The ending that an error of the stream is. */
export function endingOf(error: unknown, code?: number): Ending {
  const closing = error instanceof Closed ? error.frame : undefined;
  const said = closing ?? (error instanceof RealtimeError ? frameOf(error) : undefined);
  return {
    code: code ?? CLOSE[said?.code as string] ?? 1006,
    closing: said,
    silent: said === undefined,
  };
}

const frameOf = (error: RealtimeError): Frame => ({
  type: 'closing',
  code: error.code,
  message: error.message,
  retryable: error.retryable,
  retry_after_seconds: error.retryAfterSeconds,
});
