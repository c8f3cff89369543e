// Prints what a page downloads for each entry point, minified and gzipped, and fails above the bound.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const BOUND = 15 * 1024;
let over = false;
for (const [entry, external] of [
  ['src/index.ts', []],
  ['src/react/index.ts', ['react']],
  ['src/ai/index.ts', ['ai']],
]) {
  const options = { bundle: true, minify: true, format: 'esm', target: 'es2022', write: false };
  const { outputFiles } = await build({ entryPoints: [entry], external, ...options });
  const { length } = gzipSync(outputFiles[0].contents, { level: 9 });
  over ||= length > BOUND;
  console.log(`${entry}: ${length} bytes of ${BOUND}`);
}
if (over) process.exit(1);
