import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RealtimeClient, RealtimeError } from '../src/index.js';
import { clientOf, TRANSPORTS } from './rig.js';
import { Installation, Network, until, withoutWebSockets } from './server.js';

let installation: Installation;
const open: RealtimeClient[] = [];

beforeAll(async () => {
  installation = await Installation.start();
});
afterAll(() => installation.stop());
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

function client(...given: Parameters<typeof clientOf>): RealtimeClient {
  const made = clientOf(...given);
  open.push(made);
  return made;
}

describe.each(TRANSPORTS)('over %s', transport => {
  it('publishes and follows, by iterator and by listener', async () => {
    const ann = client(installation.url, { transport });
    const subscription = ann.subscribe<number>(`${transport}.one`);
    await subscription.ready;
    const heard: number[] = [];
    const remove = subscription.on('event', event => heard.push(event.content));
    const iterator = subscription[Symbol.asyncIterator]();
    const published = await ann.publish(`${transport}.one`, 1);
    expect(published.duplicate).toBe(false);
    expect((await iterator.next()).value?.content).toBe(1);
    expect(heard).toEqual([1]);
    remove();
    await ann.publish(`${transport}.one`, 2, { event: 'order.placed' });
    const second = (await iterator.next()).value;
    expect([second?.type, second?.content]).toEqual(['order.placed', 2]);
    expect(heard).toEqual([1]);
  });

  it('keeps what comes before anybody listens, and begins with history', async () => {
    const room = `${transport}.history`;
    for (const each of [1, 2, 3]) await installation.publish(room, each);
    const ann = client(installation.url, { transport });
    const subscription = ann.subscribe<number>(room, { history: 2 });
    await subscription.ready;
    await installation.publish(room, 4);
    const seen: number[] = [];
    for await (const event of subscription) if (seen.push(event.content) === 3) break;
    expect(seen).toEqual([2, 3, 4]);
    const again = ann.subscribe<number>(room, { history: 3 });
    const more: number[] = [];
    for await (const event of again) if (more.push(event.content) === 3) break;
    expect(more).toEqual([2, 3, 4]);
    const page = await ann.history<number>(room, { limit: 2 });
    expect([page.events.map(event => event.content), page.more]).toEqual([[3, 4], true]);
  });

  it('goes on from a cursor in another client, and shows patterns', async () => {
    const ann = client(installation.url, { transport });
    const first = ann.subscribe<number>(`${transport}.pat.*`);
    await first.ready;
    await installation.publish(`${transport}.pat.a`, 1);
    const iterator = first[Symbol.asyncIterator]();
    await iterator.next();
    const { cursor } = first;
    ann.close();
    await installation.publish(`${transport}.pat.b`, 2);
    const bob = client(installation.url, { transport });
    const second = bob.subscribe<number>(`${transport}.pat.*`, { cursor });
    const { value } = await second[Symbol.asyncIterator]().next();
    expect([value?.room, value?.content]).toEqual([`${transport}.pat.b`, 2]);
  });

  it('adds and leaves rooms while others go on', async () => {
    const ann = client(installation.url, { transport });
    const rooms = Array.from({ length: 6 }, (_, at) => `${transport}.many.${at}`);
    const seen: number[] = [];
    for (const [at, room] of rooms.entries()) {
      const subscription = ann.subscribe<number>(room, at % 2 ? { history: 5 } : {});
      subscription.on('event', event => seen.push(event.content));
      await subscription.ready;
      for (const each of rooms.slice(0, at + 1)) await installation.publish(each, at);
      if (at !== 3) continue;
      await until(() => seen.length === 1 + 2 + 3 + 4);
      subscription.close();
    }
    await until(() => seen.length >= 19);
    await installation.publish(rooms[3] ?? '', 99);
    await installation.publish(rooms[0] ?? '', 100);
    await until(() => seen.includes(100));
    expect(seen).toHaveLength(1 + 2 + 3 + 4 + 4 + 5 + 1);
    expect(seen).not.toContain(99);
  });

  it('asks an agent, and iterates text and parts', async () => {
    const ann = client(installation.url, { transport });
    const answer = ann.agent('ECHO').invoke('hi there you');
    const text: string[] = [];
    for await (const piece of answer.textStream()) text.push(piece);
    expect(text.join('')).toBe('hi there you');
    expect((await answer.ended).status).toBe('finished');
    expect(answer.usage).toEqual({ input_tokens: 3, output_tokens: 3 });
    const again = ann.answer(answer.id);
    expect(await again.allText()).toBe('hi there you');
  });

  it('is told what is wrong', async () => {
    const ann = client(installation.url, { transport });
    const bad = ann.subscribe('a b');
    const good = ann.subscribe(`${transport}.good`);
    await expect(bad.ready).rejects.toMatchObject({ code: 'invalid_name' });
    await good.ready;
    await expect(ann.publish('a b', 1)).rejects.toMatchObject({ code: 'invalid_name' });
    await expect(ann.publish('a', 1, { event: 'room.joined' })).rejects.toBeInstanceOf(
      RealtimeError,
    );
    const nobody = ann.model('nobody').invoke('hi');
    await expect(nobody.ended).rejects.toMatchObject({ code: 'model_not_found' });
    await expect(nobody.started).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('shows who is here', async () => {
    const ann = client(installation.url, { transport });
    const agents = ann.presence({ entityType: 'agent' });
    await agents.ready;
    expect(agents.get('ECHO')?.status).toBe('online');
    agents.close();
    const here = `${transport}.here`;
    await fetch(`${installation.url}/v1/channels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: here, presence: true }),
    });
    const bob = client(installation.url, { transport: 'websocket', clientId: 'bob' });
    if (transport === 'sse') await bob.subscribe(here).ready;
    const room = ann.presence({ room: here });
    await room.ready;
    if (transport === 'websocket') await bob.subscribe(here).ready;
    await until(() => room.get('bob')?.status === 'online');
    bob.close();
    if (transport === 'websocket') await until(() => room.get('bob') === undefined);
    room.close();
  });

  it('shows everybody who is here where nobody is asked for in particular', async () => {
    const ann = client(installation.url, { transport });
    const bob = client(installation.url, { transport: 'websocket', clientId: `bob-${transport}` });
    await bob.setStatus('busy');
    const found = await ann.whoIsHere();
    const how = (id: string) => found.find(each => each.entity_id === id);
    expect(how('ECHO')).toMatchObject({ entity_type: 'agent', status: 'online' });
    expect(how(bob.clientId)).toMatchObject({ entity_type: 'user', status: 'busy' });
    const everybody = ann.presence();
    await everybody.ready;
    expect(everybody.get('ECHO')?.status).toBe('online');
    await bob.setStatus('away');
    await until(() => everybody.get(bob.clientId)?.status === 'away');
    everybody.close();
  });

  it('carries bytes as they are', async () => {
    const ann = client(installation.url, { transport });
    const subscription = ann.subscribe(`${transport}.bytes`);
    await subscription.ready;
    await ann.publish(`${transport}.bytes`, new Uint8Array([0, 255, 10]), { event: 'chunk' });
    const { value } = await subscription[Symbol.asyncIterator]().next();
    expect([value?.type, value?.data, value?.content]).toEqual(['chunk', 'AP8K', undefined]);
  });

  it('refuses what does not fit while offline, and says so', async () => {
    const network = await Network.before(installation.address);
    network.refusing = true;
    const ann = client(network.url, { transport, queue: { items: 2 } });
    const states: number[] = [];
    ann.on('queue', state => states.push(state.refused));
    const kept = [ann.publish('offline', 1), ann.publish('offline', 2)];
    await expect(ann.publish('offline', 3)).rejects.toMatchObject({ code: 'offline_queue_full' });
    expect(states).toEqual([0, 0, 1]);
    network.refusing = false;
    const offsets = (await Promise.all(kept)).map(each => each.offset);
    expect(offsets[1]).toBe((offsets[0] ?? 0) + 1);
    expect(ann.queue).toEqual({ items: 0, bytes: 0, waiting: 0, refused: 1 });
    ann.close();
    await network.stop();
  });

  it('ends everything when it is closed, and stays closed', async () => {
    const ann = client(installation.url, { transport });
    const subscription = ann.subscribe(`${transport}.close`);
    await subscription.ready;
    const waiting = subscription[Symbol.asyncIterator]().next();
    ann.close();
    ann.close();
    await expect(waiting).rejects.toMatchObject({ code: 'closed' });
    expect(subscription.closed).toBe(true);
    await expect(ann.connect()).rejects.toMatchObject({ code: 'closed' });
    await expect(ann.publish('a', 1)).rejects.toMatchObject({ code: 'closed' });
  });
});

it('falls back to SSE where WebSockets are blocked, with the same calls', async () => {
  const network = await Network.before(installation.address, withoutWebSockets);
  const ann = client(network.url, { random: () => 0 });
  const subscription = ann.subscribe<number>('blocked');
  await subscription.ready;
  expect(ann.transport).toBe('sse');
  await ann.publish('blocked', 1);
  const { value } = await subscription[Symbol.asyncIterator]().next();
  expect(value?.content).toBe(1);
  ann.close();
  await network.stop();
});

it('does nothing when it is made, so that a server can make it', () => {
  const ann = new RealtimeClient({ clientId: 'nobody' });
  expect(ann.state).toBe('idle');
  expect(ann.agent('ECHO').target).toEqual({ agent: 'ECHO' });
});
