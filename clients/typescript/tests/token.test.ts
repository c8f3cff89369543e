import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { clientOf, TRANSPORTS } from './rig.js';
import { type Up, until, up } from './server.js';

const secret = 'a secret that is long enough for HS256';
let server: Up;
let url: string;

beforeAll(async () => {
  server = await up({ AUTH__SECRET: secret });
  url = server.url;
});
afterAll(() => server.stop());
afterEach(() => void vi.useRealTimers());

/** A token for `ann` that lasts so long. */
function token(seconds: number): string {
  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor((performance.timeOrigin + performance.now()) / 1000); // whatever a test sets
  const actions = ['subscribe', 'publish', 'presence', 'invoke'];
  const claims = {
    sub: 'ann',
    kind: 'user',
    tenant: 'default',
    jti: randomUUID(),
    iat: now - 60,
    exp: now + seconds,
    grants: [{ pattern: '>', actions }],
  };
  const signed = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

it('shows a fresh token before the one in use ends, on the same connection', async () => {
  let asked = 0;
  const provider = async () => token(++asked === 1 ? 7 : 3600);
  const ann = clientOf(url, { clientId: 'ann', transport: 'websocket', token: provider });
  const states: string[] = [];
  const subscription = ann.subscribe<number>('tokens');
  await subscription.ready;
  ann.on('state', state => states.push(state));
  await until(() => asked === 2);
  await until(() => ann.queue.items === 0);
  await ann.publish('tokens', 1);
  expect((await subscription[Symbol.asyncIterator]().next()).value?.content).toBe(1);
  expect(states).toEqual([]);
  ann.close();
});

it('renews in time when the clock jumps while the token is in use', async () => {
  for (const hours of [-24, 24]) {
    let asked = 0;
    const provider = async () => token(++asked === 1 ? 9 : 3600);
    const ann = clientOf(url, { clientId: 'ann', transport: 'websocket', token: provider });
    const states: string[] = [];
    await ann.connect();
    ann.on('state', state => states.push(state));
    vi.setSystemTime(Date.now() + hours * 3_600_000);
    await until(() => asked === 2, 30);
    await until(() => ann.queue.items === 0);
    vi.useRealTimers();
    await ann.publish('tokens', hours);
    expect([asked, states]).toEqual([2, []]);
    ann.close();
  }
}, 60_000);

it('does not ask in a circle when its clock is ahead', async () => {
  vi.setSystemTime(Date.now() + 24 * 3_600_000);
  const began = performance.now();
  let asked = 0;
  const provider = async () => {
    asked++;
    return token(3600);
  };
  const ann = clientOf(url, { clientId: 'ann', transport: 'websocket', token: provider });
  const states: string[] = [];
  await ann.connect();
  ann.on('state', state => states.push(state));
  await until(() => asked === 3, 60); // each seems to have ended long ago
  expect(performance.now() - began).toBeGreaterThan(2 * 4_900);
  expect(states).toEqual([]);
  ann.close();
}, 90_000);

it('comes back with another token when its clock was behind, and misses nothing', async () => {
  vi.setSystemTime(Date.now() - 24 * 3_600_000);
  let asked = 0;
  const provider = async () => token(++asked === 1 ? 2 : 3600);
  const ann = clientOf(url, {
    clientId: 'ann',
    transport: 'websocket',
    token: provider,
    random: () => 0,
  });
  const subscription = ann.subscribe<number>('behind');
  await subscription.ready;
  const seen: number[] = [];
  subscription.on('event', event => seen.push(event.content));
  await ann.publish('behind', 1);
  await until(() => asked === 2, 90); // the server waits 25 s for a fresh one, then ends the session
  await ann.publish('behind', 2);
  await until(() => seen.length === 2);
  expect(seen).toEqual([1, 2]);
  ann.close();
}, 120_000);

describe.each(TRANSPORTS)('over %s', transport => {
  it('asks once more after a refusal, and then is closed', async () => {
    let asked = 0;
    const provider = () => {
      asked++;
      return token(-3600);
    };
    const ann = clientOf(url, { clientId: 'ann', transport, token: provider, random: () => 0 });
    const refused = ann.subscribe('tokens').ready;
    await expect(refused).rejects.toMatchObject({ code: 'token_expired' });
    expect([asked, ann.state]).toEqual([2, 'closed']);
  });

  it('goes on when the second token is good', async () => {
    let asked = 0;
    const provider = () => token(++asked === 1 ? -3600 : 3600);
    const ann = clientOf(url, { clientId: 'ann', transport, token: provider, random: () => 0 });
    await ann.publish('tokens', 1);
    expect(asked).toBe(2);
    ann.close();
  });

  it('is refused one room that it may not follow, and keeps the others', async () => {
    const ann = clientOf(url, { clientId: 'ann', transport, token: token(3600), random: () => 0 });
    const bad = ann.subscribe('client.bob');
    const good = ann.subscribe<number>('tokens.good');
    await expect(bad.ready).rejects.toMatchObject({ code: 'forbidden' });
    await good.ready;
    await ann.publish('tokens.good', 2);
    expect((await good[Symbol.asyncIterator]().next()).value?.content).toBe(2);
    ann.close();
  });
});
