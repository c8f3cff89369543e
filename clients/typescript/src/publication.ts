/** What is published: a content or bytes, as the frame that asks for it. */

import { idOf } from './connection.js';
import type { Json } from './frames.js';
import type { Fields } from './outbox.js';

export interface PublishOptions {
  /** The event's type; `message` by default. */
  readonly event?: string;
  /** Makes repeating it harmless; one is made where none is given. */
  readonly idempotencyKey?: string;
  readonly headers?: Record<string, string>;
  readonly correlationId?: string;
}

/** The frame of a publish. Bytes go as `data`, in base64, as they come. */
export function publicationOf(
  room: string,
  content: Json | Uint8Array,
  { event = 'message', idempotencyKey = idOf(), headers, correlationId }: PublishOptions,
): Fields {
  const named = event === 'message' ? { type: 'message' } : { type: 'publish', event };
  const body = content instanceof Uint8Array ? { data: base64(content) } : { content };
  return {
    ...named,
    room,
    ...body,
    idempotency_key: idempotencyKey,
    headers,
    correlation_id: correlationId,
  };
}

const base64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
