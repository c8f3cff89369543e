import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RealtimeClient } from '../src/index.js';
import {
  RealtimeProvider,
  useAgentStream,
  useChannel,
  useConnection,
  usePresence,
} from '../src/react/index.js';
import { clientOf } from './rig.js';
import { Installation, Network, until } from './server.js';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.start();
});
afterAll(() => installation.stop());

async function reconnected(client: RealtimeClient, network: Network): Promise<void> {
  const { sessionId } = client;
  network.cut();
  await until(() => client.sessionId !== undefined && client.sessionId !== sessionId);
}

it('says how one is, with metadata, also on the connections after it', async () => {
  const network = await Network.before(installation.address);
  const ann = clientOf(network.url, { transport: 'websocket', clientId: 'ann', random: () => 0 });
  const bob = clientOf(installation.url, { transport: 'websocket', clientId: 'bob' });
  const people = bob.presence({ entityType: 'user' });
  await people.ready;
  await ann.setStatus('busy', { doing: 'a test' });
  await until(() => people.get('ann')?.status === 'busy');
  expect(people.get('ann')?.metadata).toEqual({ doing: 'a test' });
  for (let round = 0; round < 3; round++) {
    await reconnected(ann, network);
  }
  // What it said is on its way when the last connection stands, and those that were cut have their grace.
  await until(() => people.get('ann')?.sessions.length === 1);
  await until(() => people.get('ann')?.status === 'busy');
  expect(people.get('ann')?.metadata).toEqual({ doing: 'a test' });
  await ann.setStatus('away');
  await until(() => people.get('ann')?.status === 'away');
  ann.close();
  await until(() => people.get('ann') === undefined);
  bob.close();
  await network.stop();
});

it('is away while nobody looks at the page, unless it has said how it is', async () => {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const look = (state: string) => {
    page.visibilityState = state;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  Object.assign(globalThis, { document: page });
  const network = await Network.before(installation.address);
  const options = { transport: 'websocket', deadlines: { awaySeconds: 0.05 } } as const;
  const eve = clientOf(network.url, { ...options, clientId: 'eve', random: () => 0 });
  const dan = clientOf(installation.url, { ...options, clientId: 'dan' });
  const bob = clientOf(installation.url, { transport: 'websocket' });
  const people = bob.presence({ entityType: 'user' });
  await Promise.all([people.ready, eve.connect(), dan.setStatus('busy')]);
  look('hidden');
  await until(() => people.get('eve')?.status === 'away');
  await reconnected(eve, network);
  look('visible');
  await until(() => people.get('eve')?.status === 'online');
  expect(people.get('dan')?.status).toBe('busy');
  for (const each of [eve, dan, bob]) each.close();
  look('hidden'); // nobody listens any more
  Reflect.deleteProperty(globalThis, 'document');
  await network.stop();
});

it('needs a WebSocket to say how one is', async () => {
  const ann = clientOf(installation.url, { transport: 'sse' });
  await expect(ann.setStatus('busy')).rejects.toMatchObject({ code: 'unimplemented' });
  ann.close();
});

it('is rendered on a server: the hooks show how they begin, and nothing connects', () => {
  const client = new RealtimeClient({ clientId: 'ann' }); // no url either: there is no page yet
  let connects = 0;
  client.on('state', () => connects++);
  function Room() {
    const { events, status, gaps } = useChannel('room', { history: 10 });
    const agents = usePresence({ entityType: 'agent' });
    const { text, status: asked } = useAgentStream('ECHO');
    return createElement(
      'p',
      null,
      [useConnection(), status, events.length, gaps, agents.length, asked, `"${text}"`].join(' '),
    );
  }
  const before = process.getActiveResourcesInfo();
  const page = renderToString(createElement(RealtimeProvider, { client }, createElement(Room)));
  expect(page).toBe('<p>idle joining 0 0 0 idle &quot;&quot;</p>');
  expect([client.state, connects, client.rooms]).toEqual(['idle', 0, 0]);
  expect(process.getActiveResourcesInfo()).toEqual(before);
});
