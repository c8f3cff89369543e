import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import type { RealtimeClient } from '../src/index.js';
import { clientOf } from './rig.js';
import { until } from './server.js';

/** A server that welcomes, and then says why it ends. */
class Ending {
  readonly came: number[] = [];
  readonly #server = new WebSocketServer({ port: 0, host: '127.0.0.1' });

  static async with(code: number, closing: Record<string, unknown>): Promise<Ending> {
    const made = new Ending(code, closing);
    await new Promise(resolve => made.#server.once('listening', resolve));
    return made;
  }

  private constructor(code: number, closing: Record<string, unknown>) {
    this.#server.on('connection', socket => {
      this.came.push(performance.now());
      socket.send(JSON.stringify({ type: 'welcome', session_id: 'se_1' }));
      socket.send(JSON.stringify({ type: 'closing', ...closing }));
      socket.close(code);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
  }
}

let server: Ending;
let ann: RealtimeClient;

afterEach(() => {
  ann.close();
  server.stop();
});

it('comes back no sooner than it is told', async () => {
  server = await Ending.with(1012, { code: 'draining', retryable: true, retry_after_seconds: 0.7 });
  ann = clientOf(server.url, { transport: 'websocket', random: () => 0 });
  const errors: string[] = [];
  ann.on('error', error => errors.push(`${error.code} ${error.retryAfterSeconds}`));
  await ann.connect();
  await until(() => server.came.length === 3, 30);
  const waits = server.came.slice(1).map((at, before) => at - (server.came[before] ?? 0));
  for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(690);
  expect(errors[0]).toBe('draining 0.7');
});

it.each([
  [1009, 'too_large'],
  [4400, 'bad_frame'],
  [4401, 'unauthenticated'],
  [4403, 'forbidden'],
])('does not come back after %i', async (code, reason) => {
  server = await Ending.with(code, { code: reason });
  ann = clientOf(server.url, { transport: 'websocket', random: () => 0, token: 'given-once' });
  ann.connect().catch(() => {});
  await until(() => ann.state === 'closed');
  await expect(ann.publish('room', 1)).rejects.toMatchObject({ code: reason });
  expect(server.came).toHaveLength(1);
});

it.each([
  [1001, 'unavailable'],
  [1011, 'internal'],
  [1013, 'unavailable'],
  [4408, 'unavailable'],
  [4409, 'conflict'],
  [4413, 'slow_consumer'],
  [4429, 'rate_limited'],
])('comes back after %i', async (code, reason) => {
  server = await Ending.with(code, { code: reason });
  ann = clientOf(server.url, { transport: 'websocket', random: () => 0 });
  ann.connect().catch(() => {});
  await until(() => server.came.length > 2);
  expect(ann.state).not.toBe('closed');
});

it('does not come back with a token that no browser can send', async () => {
  server = await Ending.with(1012, {});
  ann = clientOf(server.url, { transport: 'websocket', random: () => 0, token: 'no token\n' });
  await expect(ann.connect()).rejects.toMatchObject({ code: 'unauthenticated' });
  expect([ann.state, server.came]).toEqual(['closed', []]);
});
