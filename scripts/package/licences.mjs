import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../processes.mjs';

/** Licences under which a package may be part of ours. Another one stops the build, for somebody has to read it first. */
const ACCEPTED = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0'];

/**
 * @param {readonly string[]} files that are in the bundle, relative to the project
 * @returns {string[]} folders of the packages they belong to, sorted
 */
export function packagesOf(files) {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/**
 * @param {readonly string[]} files as of `packagesOf`
 * @returns {string} name, version, licence and its text, of each package
 */
export function licencesOf(files) {
  const sections = packagesOf(files).map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    if (!ACCEPTED.includes(license))
      throw new Error(`${name} ${version} has the licence ${license}: may it be part of a package?`);
    return `${name} ${version}: ${license}\n\n${licenceText(folder)}`;
  });
  return sections.join(`\n${'-'.repeat(80)}\n`);
}

/** @param {string} folder */
function licenceText(folder) {
  const file = readdirSync(join(root, folder)).find((name) => /^licen[cs]e/i.test(name));
  return file === undefined ? '' : `${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
}
