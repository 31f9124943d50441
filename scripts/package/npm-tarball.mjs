import { join } from 'node:path';
import { must, packagesFolder } from './product.mjs';

/** @returns {string} the path of what `npm publish` would upload */
export function makeNpmTarball() {
  // Without scripts: dist was built just now.
  const answer = must('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', packagesFolder]);
  return join(packagesFolder, JSON.parse(answer)[0].filename);
}
