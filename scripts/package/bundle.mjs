import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../processes.mjs';

/** CommonJS packages in an ES module call `require` for Node's own modules. */
const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);";

/**
 * Our code and the packages it uses in a few files, so that a start reads few and nothing is installed that is never loaded (types, source maps, the
 * variants of the SDKs for browsers). Libraries of a bucket stay files of their own, loaded when that bucket is used. koffi stays outside: it loads a
 * native file from its folder.
 *
 * @param {string} folder gets `dist/cli`: everything in one folder two below package.json, as `import.meta.url` in the sources expects it
 * @param {Record<string, string>} entryPoints besides the program and its threads
 * @param {string} target the oldest Node, as esbuild names it
 * @returns {Promise<string[]>} the files that are in it, relative to the project
 */
export async function bundleInto(folder, entryPoints, target) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { 'cli/main': 'dist/cli/main.js', 'cli/worker': 'dist/sync/process/worker.js', ...entryPoints },
    outdir: join(folder, 'dist'),
    chunkNames: 'cli/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target,
    external: ['koffi'],
    // Names stay: a stack trace of an operator is read by us.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    banner: { js: REQUIRE },
    metafile: true,
    logLevel: 'warning',
  });
  return Object.keys(metafile.inputs);
}
