// Bundles script and style of the status page, with uPlot in them, so that the page asks no other host for anything.
// Part of `npm run build`; a folder as argument: there instead of beside the compiled server.
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { root } from './processes.mjs';

const folder = resolve(process.argv[2] ?? join(root, 'dist/server/assets'));
await build({
  entryPoints: [join(root, 'src/server/browser/page.ts')],
  outdir: folder,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  legalComments: 'inline',
  logLevel: 'warning',
});
