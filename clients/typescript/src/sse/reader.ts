/** Server-sent events by `fetch`, so that a token can be shown and a refusal be read. */

import { errorOf, RealtimeError } from '../errors.js';

export interface Block {
  /** The event's name; empty for a block that only moves the cursor. */
  readonly event: string;
  readonly data: string;
  readonly id: string;
}

/** Read blocks until the stream ends. Throws RealtimeError for a refusal, and after `idleSeconds` of silence. */
export async function* blocks(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
  idleSeconds: number,
): AsyncGenerator<Block, void, undefined> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal.addEventListener('abort', abort);
  let timer = setTimeout(abort, idleSeconds * 1000);
  try {
    const response = await fetch(url, { headers, signal: stop.signal, cache: 'no-store' });
    if (!response.ok || !response.body) throw await refusal(response);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(abort, idleSeconds * 1000);
      const parts = (rest + decoder.decode(value, { stream: true })).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const block = read(part);
        if (block) yield block;
      }
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    stop.abort();
  }
}

/** A block; nothing for comments and `retry`. The server ends lines with `\n` alone. */
function read(text: string): Block | undefined {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf(': ');
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
  }
  const { id = '', event = '', data = '' } = fields;
  return id || data ? { id, event, data } : undefined;
}

/** The error of a problem document; of any other answer, `unavailable`. */
export async function refusal(response: Response): Promise<RealtimeError> {
  const problem: unknown = await response.json().catch(() => undefined);
  const known = typeof problem === 'object' && problem !== null && 'code' in problem;
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  const seconds = Number.isFinite(after) ? { retry_after_seconds: after } : {};
  if (known) return errorOf({ ...seconds, ...(problem as Record<string, unknown>) });
  const retryable = response.status >= 500 || response.status === 429;
  return new RealtimeError(
    'unavailable',
    `HTTP ${response.status}`,
    retryable,
    seconds.retry_after_seconds,
  );
}
