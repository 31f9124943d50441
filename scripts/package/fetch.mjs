import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { must, packagesFolder } from './product.mjs';

/**
 * A package of the npm registry, through npm, unpacked and kept for the next time.
 * @param {string} spec `name@version`
 * @param {string} integrity as npm writes it: `sha512-…`; what differs is refused
 * @returns {string} its folder
 */
export function fetchPackage(spec, integrity) {
  const store = join(packagesFolder, 'fetched', `${spec.replace('/', '-')}-${digestName(integrity)}`);
  if (existsSync(store)) return join(store, 'package');
  const incoming = `${store}.incoming`;
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  const [{ filename }] = JSON.parse(
    must('npm', ['pack', spec, '--json', '--prefer-offline', '--pack-destination', incoming]),
  );
  const tarball = join(incoming, filename);
  const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (found !== integrity) {
    rmSync(incoming, { recursive: true });
    throw new Error(`${spec} has integrity ${found}, expected ${integrity}: nothing is made of it`);
  }
  must('tar', ['-xzf', tarball, '-C', incoming, '--no-same-owner']);
  rmSync(tarball);
  renameSync(incoming, store);
  return join(store, 'package');
}

/** @param {string} integrity */
function digestName(integrity) {
  return createHash('sha256').update(integrity).digest('hex').slice(0, 12);
}
