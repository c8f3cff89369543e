import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Three files with the same names always: the edge serves them, with an ETag. */
export default defineConfig({
  base: '/console/',
  publicDir: false,
  resolve: { alias: { '@blackroad/realtime': here('../typescript/src/index.ts') } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: process.env.CONSOLE_OUT ?? here('../../edge/blackroad/edge/console/files'),
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rolldownOptions: {
      output: {
        entryFileNames: 'console.js',
        assetFileNames: 'console[extname]',
        codeSplitting: false,
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/ws', '/events', '/metrics', '/healthz', '/readyz'].map(path => [
        path,
        { target: process.env.BLACKROAD_HTTP_URL ?? 'http://127.0.0.1:8080', ws: path === '/ws' },
      ]),
    ),
  },
});
