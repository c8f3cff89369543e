import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { RealtimeClient } from '../src/index.js';
import { Installation, Network, PYTHON, ROOT, until } from './server.js';

declare global {
  interface Window {
    client: RealtimeClient;
    seen: number[];
  }
}

let installation: Installation;
let agent: ReturnType<typeof spawn>;
let browser: Browser;
let pages: Server;
let origin: string;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  installation = await Installation.start();
  agent = spawn(PYTHON, ['tests/slow_agent.py'], {
    cwd: `${ROOT}clients/typescript`,
    env: { ...process.env, BLACKROAD_URL: `grpc://${installation.core.addresses.grpc}` },
    stdio: 'ignore',
  });
  const { outputFiles } = await build({
    entryPoints: ['tests/page/page.tsx'],
    bundle: true,
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"test"' },
    write: false,
  });
  const script = outputFiles[0]?.text;
  pages = createServer((request, response) => {
    const asked = request.url?.startsWith('/page.js');
    response.setHeader('content-type', asked ? 'text/javascript' : 'text/html');
    response.end(
      asked
        ? script
        : '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script type="module" src="/page.js"></script>',
    );
  });
  await new Promise<void>(resolve => pages.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const is = async () => (await fetch(`${installation.url}/v1/agents/SLOW`)).ok;
  while (!(await is())) await new Promise(resolve => setTimeout(resolve, 50));
});
afterAll(async () => {
  await browser?.close();
  pages?.close();
  agent?.kill('SIGKILL');
  await installation?.stop();
});
afterEach(async () => {
  for (const each of contexts.splice(0)) await each.close();
});

async function context(): Promise<BrowserContext> {
  const made = await browser.newContext();
  contexts.push(made);
  return made;
}

async function tab(within: BrowserContext, query: Record<string, string>): Promise<Page> {
  const page = await within.newPage();
  page.on('pageerror', error => errors.push(String(error)));
  await page.goto(`${origin}/?${new URLSearchParams({ url: installation.url, ...query })}`);
  return page;
}

const errors: string[] = [];
const shows = (page: Page, selector: string, text: string) =>
  page.waitForFunction(
    ([where, wanted]) => document.querySelector(where as string)?.textContent === wanted,
    [selector, text],
    { timeout: 15_000 },
  );

it.each(['auto', 'sse'])(
  'shows a channel, agents and an answer by hooks, over a reload (%s)',
  async transport => {
    const within = await context();
    const one = await tab(within, { transport, client: `a-${transport}` });
    const two = await tab(within, { transport, client: `b-${transport}` });
    await Promise.all([shows(one, '#channel', 'live'), shows(two, '#channel', 'live')]);
    await shows(one, '#connection', 'open');
    const before = await two.locator('#events li').count();
    await one.click('#publish');
    await two.waitForFunction(
      count => document.querySelectorAll('#events li').length === count,
      before + 1,
    );
    await one.waitForFunction(() =>
      document.querySelector('#agents')?.textContent?.includes('ECHO'),
    );
    await one.click('#ask');
    await shows(one, '#answer', 'so far');
    await one.reload();
    await shows(one, '#answer', 'so far');
    await shows(one, '#answer', 'so far, and the rest');
    await shows(one, '#status', 'finished');
    await one.click('#ask');
    await shows(one, '#answer', 'so far');
    await one.click('#cancel');
    await shows(one, '#status', 'cancelled');
    expect(errors).toEqual([]);
  },
);

it('stops a chat of the AI SDK at the agent', async () => {
  const page = await tab(await context(), {});
  await page.click('#send');
  await shows(page, '#chat', 'so far');
  await page.click('#stop');
  await shows(page, '#chat-status', 'ready');
  const newest = async () =>
    (await (await fetch(`${installation.url}/v1/streams?page_size=1`)).json()).items[0];
  let status = '';
  void (async () => {
    while (status !== 'cancelled') status = (await newest()).status;
  })();
  await until(() => status === 'cancelled');
  expect(errors).toEqual([]);
});

it('shares one stream among eight tabs, and stop still answers (SSE)', async () => {
  const network = await Network.before(installation.address);
  const within = await context();
  const query = { transport: 'sse', client: 'shared', bare: '', url: network.url };
  const tabs: Page[] = [];
  for (let at = 0; at < 8; at++) {
    const page = await tab(within, query);
    tabs.push(page);
    await page.evaluate(async at => {
      window.seen = [];
      const own = window.client.subscribe<number>(`shared.${at}`);
      const all = window.client.subscribe<number>('shared.all');
      for (const each of [own, all]) each.on('event', event => window.seen.push(event.content));
      await Promise.all([own.ready, all.ready]);
    }, at);
  }
  await until(() => network.events === 1);
  const seen = () => Promise.all(tabs.map(page => page.evaluate(() => window.seen)));
  const all = async (wanted: (at: number) => number[]) => {
    for (const [at, page] of tabs.entries()) {
      await page.waitForFunction(count => window.seen.length >= count, wanted(at).length, {
        timeout: 15_000,
      });
    }
    expect(await seen()).toEqual(tabs.map((_, at) => wanted(at)));
  };
  await installation.publish('shared.all', 100);
  for (let at = 0; at < 8; at++) await installation.publish(`shared.${at}`, at);
  await all(at => [100, at]);
  const text = await tabs[7]?.evaluate(async () => {
    const answer = window.client.agent('SLOW').invoke('wait');
    for await (const piece of answer.textStream()) if (piece) break;
    await answer.cancel();
    return [(await answer.ended).status, answer.text];
  });
  expect(text).toEqual(['cancelled', 'so far']);
  await tabs.shift()?.close(); // the one who led
  await installation.publish('shared.all', 200);
  for (const [at, page] of tabs.entries()) {
    await page.waitForFunction(() => window.seen.includes(200), undefined, { timeout: 15_000 });
    expect(await page.evaluate(() => window.seen)).toEqual([100, at + 1, 200]);
  }
  await until(() => network.events === 1);
  expect(errors).toEqual([]);
  await network.stop();
});
