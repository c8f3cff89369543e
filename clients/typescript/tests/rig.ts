/** A client of the installation under test. */

import WebSocket from 'ws';
import { type ClientOptions, RealtimeClient } from '../src/index.js';

let count = 0;

export const webSocket = WebSocket as unknown as typeof globalThis.WebSocket;

export const TRANSPORTS = ['websocket', 'sse'] as const;

export function clientOf(url: string, options: Partial<ClientOptions> = {}): RealtimeClient {
  const clientId = `ts-${process.pid}-${++count}`;
  return new RealtimeClient({ url, clientId, webSocket, shareTabs: false, ...options });
}
