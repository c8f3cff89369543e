import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../src/index.js';
import { clientOf, TRANSPORTS } from './rig.js';
import { Installation, Network, PYTHON, ROOT } from './server.js';

let installation: Installation;
let network: Network;
let agent: ChildProcess;

beforeAll(async () => {
  installation = await Installation.start();
  network = await Network.before(installation.address);
  agent = spawn(PYTHON, ['tests/slow_agent.py'], {
    cwd: `${ROOT}clients/typescript`,
    env: { ...process.env, BLACKROAD_URL: `grpc://${installation.core.addresses.grpc}` },
    stdio: 'ignore',
  });
  const there = async () => (await fetch(`${installation.url}/v1/agents/SLOW`)).ok;
  while (!(await there())) await new Promise(resolve => setTimeout(resolve, 50));
});
afterAll(async () => {
  agent?.kill('SIGKILL');
  await network?.stop();
  await installation?.stop();
});

/** Read up to the first text. */
async function begun(answer: Answer): Promise<void> {
  for await (const part of answer)
    if (part.status === 'streaming' || (part.status === 'snapshot' && part.text)) return;
}

describe.each(TRANSPORTS)('over %s', transport => {
  it('goes on with an answer that waited while the network was cut, and says nothing twice', async () => {
    const ann = clientOf(network.url, { transport, random: () => 0 });
    const answer = ann.agent('SLOW').invoke('go');
    const pieces: string[] = [];
    for await (const piece of answer.textStream()) {
      pieces.push(piece);
      network.cut(); // after each piece: in the four seconds in which the agent is silent too
    }
    expect(pieces.join('')).toBe('so far, and the rest');
    expect([answer.text, (await answer.ended).status]).toEqual([pieces.join(''), 'finished']);
    ann.close();
  });

  it('goes on in another client, by a cursor and by a snapshot, while the agent is silent', async () => {
    const ann = clientOf(network.url, { transport, random: () => 0 });
    const first = ann.agent('SLOW').invoke('go');
    await begun(first);
    const { id, cursor } = first;
    ann.close(); // as a reload does
    const bob = clientOf(network.url, { transport, random: () => 0 });
    const byCursor = bob.answer(id, { cursor });
    const byId = clientOf(network.url, { transport, random: () => 0 }).answer(id);
    await begun(byId);
    expect(byId.text).toBe('so far');
    network.cut();
    const rest: string[] = [];
    for await (const piece of byCursor.textStream()) rest.push(piece);
    expect(rest.join('')).toMatch(/^(so far)?, and the rest$/);
    expect(await byId.allText()).toBe('so far, and the rest');
    bob.close();
  });

  it('stops an answer that waits, for all who view it', async () => {
    const ann = clientOf(network.url, { transport, random: () => 0 });
    const answer = ann.agent('SLOW').invoke('wait');
    await begun(answer);
    const viewer = clientOf(installation.url, { transport }).answer(answer.id);
    await begun(viewer);
    network.cut();
    await answer.cancel();
    expect((await answer.ended).status).toBe('cancelled');
    expect((await viewer.ended).status).toBe('cancelled');
    ann.close();
  });
});
