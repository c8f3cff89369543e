import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Gap } from '../src/index.js';
import { clientOf, TRANSPORTS } from './rig.js';
import { Installation, Network, until } from './server.js';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.start({
    EDGE__PING_INTERVAL_SECONDS: '1',
    EDGE__SSE_COMMENT_SECONDS: '1',
    RETENTION__BYTES: String(1 << 20), // the least that there is
    LIMITS__USER__MESSAGES_PER_SECOND: '100000',
    LIMITS__USER__BURST_LIMIT: '100000',
  });
});
afterAll(() => installation.stop());

/** Follow a quiet room; the cursor where it began. */
async function quiet(network: Network, transport: 'websocket' | 'sse') {
  const room = `${transport}.quiet`;
  const client = clientOf(network.url, { transport, random: () => 0 });
  const subscription = client.subscribe<number>(room);
  const gaps: Gap[] = [];
  const stood: (boolean | undefined)[] = [];
  subscription.on('gap', gap => gaps.push(gap));
  await subscription.ready;
  const first = subscription.cursor;
  subscription.on('subscribed', ({ recovered }) => stood.push(recovered));
  return { room, client, subscription, gaps, stood, first };
}

it('comes back to a quiet room by its bookmark, however much went on elsewhere', async () => {
  const network = await Network.before(installation.address);
  const all = await Promise.all(TRANSPORTS.map(transport => quiet(network, transport)));
  for (let at = 0; at < 40; at++) await installation.publish('noise', 'x'.repeat(60_000));
  for (const last of [1, 2]) {
    // A core makes bookmarks every 25 s; one from before the noise ended may be on its way.
    const before = all.map(each => each.subscription.cursor);
    await installation.publish('noise', last);
    await until(() => all.every((each, at) => each.subscription.cursor !== before[at]), 100);
  }
  network.cut();
  await until(() => all.every(each => each.stood.length > 0), 30);
  for (const { room, subscription, stood, gaps, client } of all) {
    await installation.publish(room, 7);
    expect((await subscription[Symbol.asyncIterator]().next()).value?.content).toBe(7);
    expect([stood.includes(false), gaps]).toEqual([false, []]);
    client.close();
  }
  const bob = clientOf(installation.url, { transport: 'websocket' });
  const late = bob.subscribe('noise', { cursor: all[0]?.first });
  const forgotten = new Promise(resolve => late.on('gap', resolve));
  await forgotten; // the log has indeed forgotten what came after the first cursor
  bob.close();
  await network.stop();
}, 240_000);
