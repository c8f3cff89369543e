import { afterAll, beforeAll, expect, it } from 'vitest';
import { clientOf, TRANSPORTS } from './rig.js';
import { Installation } from './server.js';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.start({});
});
afterAll(() => installation.stop());

it.each(TRANSPORTS)('keeps to the rate that it is told over %s', async transport => {
  const ann = clientOf(installation.url, { transport });
  const all = Array.from({ length: 40 }, (_, at) => ann.publish(`${transport}.rate`, at));
  await Promise.all(all);
  const { events } = await ann.history<number>(`${transport}.rate`, { limit: 50 });
  const seen = events.map(event => event.content);
  expect([...seen].sort((a, b) => a - b)).toEqual(all.map((_, at) => at));
  ann.close();
});
