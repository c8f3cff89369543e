import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Installation, ROOT } from './server.js';

const run = promisify(execFile);
const page = readFileSync(`${ROOT}docs/typescript.md`, 'utf8');
const blocks = [...page.matchAll(/^```(tsx?|text)\n(.*?)^```$/gms)].map(found => ({
  language: String(found[1]),
  text: String(found[2]),
}));

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.start();
});
afterAll(() => installation.stop());

async function bundle(contents: string, loader: 'ts' | 'tsx'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, loader, resolveDir: `${ROOT}clients/typescript` },
    alias: {
      '@blackroad/realtime': './src/index.ts',
      '@blackroad/realtime/react': './src/react/index.ts',
      '@blackroad/realtime/ai': './src/ai/index.ts',
    },
    bundle: true,
    format: 'esm',
    external: ['ws', 'react', 'react-dom', 'ai', '@ai-sdk/react'],
    jsx: 'automatic',
    write: false,
  });
  return String(outputFiles[0]?.text);
}

it('shows what its ts blocks print, and tsx blocks that build', async () => {
  const shown = blocks.filter(({ language }) => language !== 'text');
  expect(shown.length).toBeGreaterThan(2);
  for (const [at, { language, text }] of blocks.entries()) {
    if (language === 'text') continue;
    const code = await bundle(
      text.replace('http://127.0.0.1:8080', installation.url),
      language as 'ts' | 'tsx',
    );
    if (language === 'tsx') continue;
    const { stdout } = await run('node', ['--input-type=module', '--eval', code], {
      cwd: `${ROOT}clients/typescript`,
      timeout: 20_000,
    });
    expect(stdout).toBe(blocks[at + 1]?.text);
  }
});
