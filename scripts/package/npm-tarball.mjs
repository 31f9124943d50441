import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from '../processes.mjs';
import { bundleInto } from './bundle.mjs';
import { licencesOf } from './licences.mjs';
import { must, packagesFolder } from './product.mjs';

const COPIED = ['bin', 'docs', 'examples', 'README.md', 'CHANGELOG.md', 'LICENSE'];

/**
 * Makes what `npm publish` uploads: bundled as in the .deb, with the types of the library. npm cannot leave out a part of a package: with the
 * SDKs as dependencies, ten times as much would be installed, most of it their builds for browsers.
 * @param {string} folder is emptied
 */
export async function makeNpmFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
  const inputs = await bundleInto(folder, { 'cli/library': 'dist/index.js' }, 'node20');
  writeFileSync(join(folder, 'dist/index.js'), "export * from './cli/library.js';\n");
  copyTypes(folder);
  cpSync(join(root, 'dist/server/assets'), join(folder, 'dist/cli/assets'), { recursive: true });
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'THIRD-PARTY-LICENSES'), licencesOf([...inputs, 'node_modules/uplot/package.json']));
  const { scripts: _scripts, devDependencies: _dev, dependencies, files, ...rest } = readPackage();
  const { koffi } = dependencies;
  const made = { ...rest, files: [...files, 'THIRD-PARTY-LICENSES'], dependencies: { koffi } };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(made, undefined, 2)}\n`);
}

/** @returns {Promise<string>} the path of the tarball */
export async function makeNpmTarball() {
  const folder = join(packagesFolder, 'tree-npm');
  await makeNpmFolder(folder);
  const answer = must('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', packagesFolder], {
    cwd: folder,
  });
  rmSync(folder, { recursive: true });
  return join(packagesFolder, JSON.parse(answer)[0].filename);
}

/**
 * Those that the library's door leads to.
 * @param {string} folder
 */
function copyTypes(folder) {
  const dist = join(root, 'dist');
  const seen = new Set();
  const waiting = [join(dist, 'index.d.ts')];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const target = join(folder, 'dist', relative(dist, file));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(file, target);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']*)\.(?:ts|js)'/g)) {
      waiting.push(join(dirname(file), `${path}.d.ts`));
    }
  }
}

/** @returns {Record<string, any>} */
function readPackage() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
}
