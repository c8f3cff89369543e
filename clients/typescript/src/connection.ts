/** One connection to an edge, by whatever transport: frames out, frames in, and one end. */

import type { Frame } from './frames.js';

export interface Ending {
  /** The WebSocket's close code, or the one that stands for it. */
  readonly code: number;
  /** The `closing` frame, where the server said one. */
  readonly closing?: Frame;
  /** Whether it ended before `welcome`, without a word of the server's. */
  readonly silent: boolean;
}

export interface Hearer {
  onframe(frame: Frame): void;
  /** Called once, and nothing after it. Not called after `close()`. */
  onend(ending: Ending): void;
}

export interface Connection {
  readonly transport: 'websocket' | 'sse';
  send(frame: Frame): void;
  /** End it; nothing is heard any more. Idempotent. */
  close(): void;
}

export interface Address {
  /** `http(s)://host[:port][/prefix]`, without a slash at the end. */
  readonly url: string;
  readonly clientId: string;
}

/** The address in either spelling as `http(s)`. */
export const httpOf = (url: string): string => url.replace(/^ws/, 'http').replace(/\/+$/, '');

export const idOf = (): string =>
  globalThis.crypto?.randomUUID?.() ??
  `${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;
