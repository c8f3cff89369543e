// Keeps a stream: opens it again, with full jitter in between, until waiting cannot help.

import { setTimeout as sleep } from 'node:timers/promises';

import { status } from '@grpc/grpc-js';

const LEAST_MS = 500;
const MOST_MS = 20_000;
const FINAL = new Set([status.UNAUTHENTICATED, status.PERMISSION_DENIED, status.INVALID_ARGUMENT]);

/** A stream has ended; the server asks to stay away for so long. */
export class Ended extends Error {
  constructor(message, retryAfterMs = 0, code = undefined) {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.code = code;
  }
}

/** Runs `stream` again and again until `leaving` is aborted. Throws what waiting cannot mend. */
export async function keep(rpc, leaving, stream) {
  for (let ceiling = LEAST_MS; ; ceiling = Math.min(2 * ceiling, MOST_MS)) {
    const began = Date.now();
    let lost = new Ended('the server ended the stream');
    try {
      lost = (await stream()) ?? lost;
    } catch (error) {
      lost = error;
    }
    if (leaving.aborted) return;
    if (FINAL.has(lost.code)) throw lost;
    if (Date.now() - began > MOST_MS) ceiling = LEAST_MS; // it had worked
    const pause = (lost.retryAfterMs ?? 0) + Math.random() * ceiling;
    console.log(`${rpc} lost: ${lost.message}; again in ${Math.round(pause)} ms`);
    await sleep(pause, undefined, { signal: leaving }).catch(() => {});
    if (leaving.aborted) return;
  }
}

/** The error of a request that the server rejected. */
export function refused({ code, message, retryable }) {
  return new Ended(`${code}: ${message}`, 0, retryable ? undefined : status.INVALID_ARGUMENT);
}

/** The error of a stream that the server closes. */
export function closed({ code, message, retryAfter: after }) {
  return new Ended(`${code}: ${message}`, after ? after.seconds * 1000 + after.nanos / 1e6 : 0);
}
