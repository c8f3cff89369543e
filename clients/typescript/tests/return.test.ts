import { afterAll, beforeAll, expect, it } from 'vitest';
import { clientOf } from './rig.js';
import { Installation, Network, until, withoutWebSockets } from './server.js';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.start();
});
afterAll(() => installation.stop());

it('goes to SSE while WebSockets are blocked, and returns; nothing is missed or comes twice', async () => {
  let blocks = false;
  const network = await Network.before(
    installation.address,
    head => blocks && withoutWebSockets(head),
  );
  const ann = clientOf(network.url, { random: () => 0, deadlines: { upgradeSeconds: 1 } });
  const subscription = ann.subscribe<number>('return');
  const pattern = ann.subscribe<number>('return.*');
  const seen: number[] = [];
  for (const each of [subscription, pattern]) {
    each.on('event', event => seen.push(event.content));
    await each.ready;
  }
  expect(ann.transport).toBe('websocket');
  let sent = 0;
  const more = async () => {
    await installation.publish(sent % 2 ? 'return.a' : 'return', sent++);
  };
  for (let round = 0; round < 2; round++) {
    blocks = true;
    network.cut();
    await more(); // while there is no connection
    await until(() => ann.transport === 'sse' && ann.state === 'open', 20);
    await more();
    await until(() => seen.length === sent);
    blocks = false;
    await until(() => ann.transport === 'websocket' && ann.state === 'open', 20);
    await more();
    await more();
    await until(() => seen.length === sent);
  }
  expect(seen).toEqual(Array.from({ length: sent }, (_, at) => at));
  ann.close();
  await network.stop();
});

it('stays with SSE where WebSockets have never worked', async () => {
  const network = await Network.before(installation.address, withoutWebSockets);
  const ann = clientOf(network.url, { random: () => 0, deadlines: { upgradeSeconds: 0.1 } });
  await ann.subscribe('never').ready;
  const states: string[] = [];
  ann.on('state', state => states.push(state));
  await new Promise(resolve => setTimeout(resolve, 500));
  expect([ann.transport, states]).toEqual(['sse', []]);
  ann.close();
  await network.stop();
});
