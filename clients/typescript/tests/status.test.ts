import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RealtimeClient } from '../src/index.js';
import { RealtimeProvider, useAgentStream, useChannel, usePresence } from '../src/react/index.js';
import { clientOf } from './rig.js';
import { Installation, Network, until } from './server.js';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.start();
});
afterAll(() => installation.stop());

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
    network.cut();
    await until(() => ann.state !== 'open');
    await until(() => ann.state === 'open');
  }
  const now = async () => (await bob.whoIsHere({ entityType: 'user' })).find(isAnn);
  const isAnn = (each: { entity_id: string }) => each.entity_id === 'ann';
  let record = await now();
  while (record?.sessions.length !== 1) record = await now(); // those that were cut have their grace
  expect([record.status, record.metadata]).toEqual(['busy', { doing: 'a test' }]);
  await ann.setStatus('away');
  await until(() => people.get('ann')?.status === 'away');
  ann.close();
  await until(() => people.get('ann') === undefined);
  bob.close();
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
      [status, events.length, gaps, agents.length, asked, `"${text}"`].join(' '),
    );
  }
  const before = process.getActiveResourcesInfo();
  const page = renderToString(createElement(RealtimeProvider, { client }, createElement(Room)));
  expect(page).toBe('<p>joining 0 0 0 idle &quot;&quot;</p>');
  expect([client.state, connects, client.rooms]).toEqual(['idle', 0, 0]);
  expect(process.getActiveResourcesInfo()).toEqual(before);
});
