import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../processes.mjs';

/**
 * A defect that is put into a source file, to see that it is found.
 * @typedef {{ id: string, file: string, from: string, to: string }} Mutant
 */

/**
 * Bundles the simulator with the sources that it drives into one file.
 * @param {string} outfile
 * @param {Mutant} [mutant]
 * @returns {Promise<string>} the file
 */
export async function bundleSimulator(outfile, mutant) {
  // Whoever calls this may have installed it a moment ago.
  const { build } = await import('esbuild');
  await build({
    entryPoints: [join(root, 'test/simulation/main.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
    plugins: mutant ? [withMutant(mutant)] : [],
  });
  return outfile;
}

/** @param {Mutant} mutant @returns {import('esbuild').Plugin} */
function withMutant({ file, from, to }) {
  const path = join(root, 'src', file);
  return {
    name: 'mutant',
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, (args) => {
        if (args.path !== path) return undefined;
        const text = readFileSync(path, 'utf8');
        if (text.split(from).length !== 2) throw new Error(`${file} does not hold ${JSON.stringify(from)} once`);
        return { contents: text.replace(from, () => to), loader: 'ts' };
      });
    },
  };
}
