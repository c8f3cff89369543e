/** The guide's `streamChat`: one prompt over plain HTTP, without a client. */

import { errorOf, RealtimeError } from '../errors.js';
import { refusal } from '../sse/reader.js';

export interface ChatOptions {
  readonly agent?: string;
  readonly model?: string;
  readonly conversation?: string;
  readonly token?: string;
  /** Ends the request; the answer goes on at the server unless `onId` was used to cancel it. */
  readonly signal?: AbortSignal;
  /** Told the answer's id, for `DELETE /v1/streams/{id}` or `client.answer(id)`. */
  readonly onId?: (streamId: string) => void;
}

/** Yield the text as it comes. Throws RealtimeError for a refusal, a failure, and a stream that breaks off. */
export async function* streamChat(
  url: string,
  prompt: string,
  { token, signal, onId, ...target }: ChatOptions = {},
): AsyncGenerator<string, void, undefined> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token) headers.authorization = `Bearer ${token}`;
  const body = JSON.stringify({ prompt, ...target });
  const response = await fetch(`${url}/v1/chat/stream`, { method: 'POST', headers, body, signal });
  if (!response.ok || !response.body) throw await refusal(response);
  onId?.(response.headers.get('x-stream-id') ?? '');
  for await (const line of lines(response.body)) {
    if (!line.startsWith('data: ')) continue;
    const frame = JSON.parse(line.slice(6));
    if (frame.error) throw errorOf(frame.error);
    if (frame.content) yield frame.content;
    if (frame.done) return;
  }
  throw new RealtimeError('unavailable', 'the stream broke off before its end', true);
}

/** Whole lines, however the network cuts bytes and characters. */
export async function* lines(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      yield* parts;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
