import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from '../processes.mjs';
import { maintainer, must, packagesFolder, product, runtimeOf, setTimes, sourceDateEpoch } from './product.mjs';

const CONTROL_SCRIPTS = ['postinst', 'prerm', 'postrm'];

/**
 * Makes the .deb with dpkg-deb alone.
 * @param {string} folder of `makeArchive`; is used up
 * @param {string} arch as Node names it
 * @returns {string} its path
 */
export function makeDeb(folder, arch) {
  const { debian } = runtimeOf(arch);
  const tree = `${folder}-deb`;
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree);
  renameSync(folder, join(tree, 'usr'));
  const place = (/** @type {string} */ from, /** @type {string} */ to) =>
    cpSync(join(root, 'packaging', from), join(tree, to), { recursive: true });
  place('systemd/lmdbstream.service', 'usr/lib/systemd/system/lmdbstream.service');
  place('lightningstream.yaml.example', 'etc/lmdbstream/lightningstream.yaml.example');
  rmSync(join(tree, 'usr/share/doc/lmdbstream/systemd'), { recursive: true });
  must('gzip', ['-n9', join(tree, 'usr/share/doc/lmdbstream/CHANGELOG.md')]);
  must('chmod', ['-R', 'u=rwX,go=rX', tree]);
  const files = filesOf(tree);
  const control = join(tree, 'DEBIAN');
  for (const script of CONTROL_SCRIPTS) {
    place(`debian/${script}`, `DEBIAN/${script}`);
    must('chmod', ['755', join(control, script)]);
  }
  writeFileSync(join(control, 'conffiles'), '/etc/lmdbstream/lightningstream.yaml.example\n');
  const sums = files.filter((path) => !path.startsWith('etc/')).map((path) => `${md5Of(join(tree, path))}  ${path}\n`);
  writeFileSync(join(control, 'md5sums'), sums.join(''));
  const sizeBytes = files.reduce((sum, path) => sum + statSync(join(tree, path)).size, 0);
  writeFileSync(join(control, 'control'), controlText(debian, Math.ceil(sizeBytes / 1024)));
  const seconds = sourceDateEpoch();
  setTimes(tree, seconds);
  const file = join(packagesFolder, `${product.name}_${product.version}_${debian}.deb`);
  // One thread: the blocks of several would depend on the machine.
  const args = ['--root-owner-group', '-Zxz', '-z3', '--threads-max=1', '--build', tree, file];
  must('dpkg-deb', args, { env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds) } });
  rmSync(tree, { recursive: true });
  return file;
}

/**
 * @param {string} debian
 * @param {number} installedKiB
 */
function controlText(debian, installedKiB) {
  const text = readFileSync(join(root, 'packaging/debian/control'), 'utf8');
  return text
    .replace('@VERSION@', product.version)
    .replace('@ARCHITECTURE@', debian)
    .replace('@MAINTAINER@', () => maintainer())
    .replace('@INSTALLED_SIZE@', String(installedKiB));
}

/** @param {string} tree */
function filesOf(tree) {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(tree, join(entry.parentPath, entry.name)))
    .sort();
}

/** @param {string} file */
function md5Of(file) {
  return createHash('md5').update(readFileSync(file)).digest('hex');
}
