import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Backoff } from '../src/backoff.js';
import type { RealtimeClient } from '../src/index.js';
import { clientOf, TRANSPORTS } from './rig.js';
import { Installation, Network, until } from './server.js';

let installation: Installation;
let network: Network;
const open: RealtimeClient[] = [];

beforeAll(async () => {
  installation = await Installation.start();
  network = await Network.before(installation.address);
});
afterAll(async () => {
  await network.stop();
  await installation.stop();
});
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

function client(...given: Parameters<typeof clientOf>): RealtimeClient {
  const made = clientOf(...given);
  open.push(made);
  return made;
}

const quick = { random: () => 0 };

it('waits anywhere below a ceiling of 0.5 to 20 s, and never less than it is told (G094)', () => {
  const highest = new Backoff(() => 1);
  expect(Array.from({ length: 8 }, () => highest.next())).toEqual([0.5, 1, 2, 4, 8, 16, 20, 20]);
  highest.reset();
  expect(highest.next(3)).toBe(3.5);
  expect(new Backoff(() => 0).next(2)).toBe(2);
});

describe.each(TRANSPORTS)('over %s', transport => {
  it('misses nothing and doubles nothing over random cuts', async () => {
    let run = 0;
    const act = fc.constantFrom('publish', 'publish', 'publish', 'cut', 'add', 'wait');
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async acts => {
        const room = `${transport}.cuts.${++run}`;
        const ann = client(network.url, { transport, ...quick });
        const all = ann.subscribe<number>(`${room}.>`);
        const one = ann.subscribe<number>(`${room}.0`);
        const seen = { all: [] as number[], one: [] as number[] };
        all.on('event', event => seen.all.push(event.content));
        one.on('event', event => seen.one.push(event.content));
        await Promise.all([all.ready, one.ready]);
        const sent = { all: [] as number[], one: [] as number[] };
        const own: Promise<unknown>[] = [];
        for (const [at, what] of acts.entries()) {
          if (what === 'cut') network.cut();
          else if (what === 'add') ann.subscribe(`${room}.${at}.other`, { history: 3 });
          else if (what === 'wait') await new Promise(resolve => setTimeout(resolve, 3));
          else {
            sent.all.push(at);
            if (at % 2 === 0) sent.one.push(at);
            const name = `${room}.${at % 2}`;
            if (at % 3) await installation.publish(name, at);
            else own.push(ann.publish(name, at));
          }
        }
        await Promise.all(own);
        await until(() => seen.all.length >= sent.all.length && seen.one.length >= sent.one.length);
        await ann.publish(`${room}.1`, -1);
        await until(() => seen.all.at(-1) === -1);
        const sorted = (list: number[]) => list.filter(each => each >= 0).sort((a, b) => a - b);
        expect(sorted(seen.all)).toEqual(sent.all);
        expect(sorted(seen.one)).toEqual(sent.one);
        ann.close();
      }),
      { numRuns: 25, endOnFailure: true },
    );
  }, 60_000);

  it('goes on where it was when the edge was killed and is back, bookmarks included (G067, G093)', async () => {
    const room = `${transport}.killed`;
    const ann = client(installation.url, { transport, random: () => 0.2 });
    const subscription = ann.subscribe<number>(room);
    const quiet = ann.subscribe<number>(`${room}.quiet`);
    await Promise.all([subscription.ready, quiet.ready]);
    const seen: number[] = [];
    subscription.on('event', event => seen.push(event.content));
    await installation.publish(room, 1);
    await until(() => seen.length === 1);
    await installation.kill();
    await until(() => ann.state === 'waiting');
    const offline = ann.publish(room, 2);
    await new Promise(resolve => setTimeout(resolve, 1500)); // some attempts fail
    await installation.restart();
    expect((await offline).duplicate).toBe(false);
    await until(() => seen.length === 2);
    await installation.publish(`${room}.quiet`, 3);
    expect((await quiet[Symbol.asyncIterator]().next()).value?.content).toBe(3);
    expect(seen).toEqual([1, 2]);
  }, 60_000);

  it('goes on with an answer, and can cancel it', async () => {
    const ann = client(network.url, { transport, ...quick });
    const words = Array.from({ length: 300 }, (_, at) => `w${at}`).join(' ');
    const answer = ann.agent('ECHO').invoke(words);
    await answer.started;
    network.cut();
    expect(await answer.allText()).toBe(words);
    const again = client(network.url, { transport, ...quick }).answer(answer.id, {
      cursor: undefined,
    });
    expect(await again.allText()).toBe(words);
    await again.cancel();
  });

  it('obeys an AbortSignal', async () => {
    const ann = client(network.url, { transport, ...quick });
    const stop = new AbortController();
    const answer = ann.agent('ECHO').invoke('a b c', { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(answer[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
    await expect(answer.ended).rejects.toThrow('enough');
    const subscription = ann.subscribe('aborted', { signal: stop.signal });
    expect(subscription.closed).toBe(true);
  });
});

it('takes a network that says nothing for lost', async () => {
  const ann = client(network.url, {
    transport: 'websocket',
    deadlines: { pingSeconds: 0.1, pongSeconds: 0.1 },
    ...quick,
  });
  const subscription = ann.subscribe<number>('mute');
  await subscription.ready;
  await new Promise(resolve => setTimeout(resolve, 500));
  expect(ann.state).toBe('open'); // pings are answered
  network.mute = true;
  await until(() => ann.state !== 'open');
  network.mute = false;
  network.cut();
  await until(() => ann.state === 'open');
  await installation.publish('mute', 1);
  expect((await subscription[Symbol.asyncIterator]().next()).value?.content).toBe(1);
});

it('does not mind a clock that jumps', async () => {
  const ann = client(network.url, {
    transport: 'websocket',
    deadlines: { pingSeconds: 0.1, pongSeconds: 0.2 },
    token: () => '',
    ...quick,
  });
  const states: string[] = [];
  const subscription = ann.subscribe<number>('clock');
  await subscription.ready;
  ann.on('state', state => states.push(state));
  for (const hours of [-24, 24, 24 * 365]) {
    vi.setSystemTime(Date.now() + hours * 3_600_000);
    await new Promise(resolve => setTimeout(resolve, 300));
  }
  await ann.publish('clock', 1);
  expect((await subscription[Symbol.asyncIterator]().next()).value?.content).toBe(1);
  vi.useRealTimers();
  expect(states).toEqual([]);
});

/** What a browser has and Node has not: a page, whose listeners are counted. */
function page() {
  const listeners = new Set<unknown>();
  const target = {
    visibilityState: 'visible',
    addEventListener: (name: string, listener: unknown) => listeners.add([name, listener].join()),
    removeEventListener: (name: string, listener: unknown) =>
      listeners.delete([name, listener].join()),
  };
  vi.stubGlobal('document', target);
  vi.stubGlobal('addEventListener', target.addEventListener);
  vi.stubGlobal('removeEventListener', target.removeEventListener);
  return listeners;
}

it('leaks no timer, listener or socket over 1,000 reconnects (G067)', async () => {
  const listened = page();
  const stop = new AbortController();
  const ann = client(network.url, { transport: 'websocket', ...quick });
  const subscription = ann.subscribe<number>('often', { signal: stop.signal });
  const agents = ann.presence({ entityType: 'agent' });
  const waiting = ann.agent('ECHO').invoke('w '.repeat(20_000), { signal: stop.signal });
  const seen: number[] = [];
  subscription.on('event', event => seen.push(event.content));
  await subscription.ready;
  await Promise.all([agents.ready, waiting.started]);
  const resources = () => process.getActiveResourcesInfo().length;
  const timers = () => process.getActiveResourcesInfo().filter(each => each === 'Timeout').length;
  const held = () => [
    ann.listenerCount(),
    listened.size,
    getEventListeners(stop.signal, 'abort').length,
    ann.rooms,
  ];
  const listeners = held();
  expect(listeners.slice(1)).toEqual([3, 2, 3]);
  let before = 0;
  let ticking = 0;
  for (let at = 0; at < 1000; at++) {
    const back = new Promise<void>(resolve => {
      const remove = subscription.on('caught_up', () => {
        remove();
        resolve();
      });
    });
    network.cut();
    await back;
    if (at === 50) [before, ticking] = [resources(), timers()];
    if (at % 100 === 0) await ann.publish('often', at);
  }
  await until(() => seen.length === 10);
  expect(seen).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
  expect(held()).toEqual(listeners);
  await until(() => resources() <= before + 4 && timers() <= ticking + 2, 30);
  const idle = resources();
  waiting.ended.catch(() => {});
  ann.close();
  await until(() => resources() < idle);
  expect(listened.size).toBe(0);
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  vi.unstubAllGlobals();
}, 180_000);

it('gives up on nothing but what is final (G093)', async () => {
  const lone = await Network.before(installation.address);
  lone.refusing = true;
  const ann = client(lone.url, { transport: 'websocket', ...quick });
  const subscription = ann.subscribe<number>('later');
  await until(() => lone.connections > 30);
  expect(ann.state).not.toBe('closed');
  lone.refusing = false;
  await subscription.ready;
  ann.close();
  const { connections } = lone;
  await new Promise(resolve => setTimeout(resolve, 100));
  expect(lone.connections).toBe(connections); // a deliberate close is one
  await lone.stop();
});
