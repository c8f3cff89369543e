import { afterAll, beforeAll, expect, it } from 'vitest';
import { lines } from '../src/answers/chat.js';
import { streamChat } from '../src/index.js';
import { Installation } from './server.js';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.start();
});
afterAll(() => installation.stop());

it('streams a chat without a client, and throws what is refused (G072)', async () => {
  let id = '';
  const pieces: string[] = [];
  const onId = (streamId: string) => {
    id = streamId;
  };
  for await (const piece of streamChat(installation.url, 'hi there', { agent: 'ECHO', onId }))
    pieces.push(piece);
  expect(pieces.join('')).toBe('hi there');
  expect(id).toMatch(/^st_/);
  const nobody = streamChat(installation.url, 'hi', { model: 'nobody' });
  await expect(nobody.next()).rejects.toMatchObject({ code: 'model_not_found' });
  const stop = AbortSignal.abort();
  await expect(streamChat(installation.url, 'hi', { signal: stop }).next()).rejects.toThrow();
});

it('reads lines and characters wherever the network cuts them (G072)', async () => {
  const bytes = new TextEncoder().encode('data: "ä€😀"\n\ndata: 2\n');
  for (let size = 1; size <= bytes.length; size++) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size)
          controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const seen: string[] = [];
    for await (const line of lines(body)) seen.push(line);
    expect(seen).toEqual(['data: "ä€😀"', '', 'data: 2']);
  }
});
