import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../processes.mjs';
import { makeApp } from './app.mjs';
import { fetchPackage } from './fetch.mjs';
import { manPage } from './man-page.mjs';
import { must, packagesFolder, product, runtimeOf, setTimes, sourceDateEpoch } from './product.mjs';

const COMPLETIONS = /** @type {const} */ ([
  ['bash', 'share/bash-completion/completions/lmdbstream'],
  ['zsh', 'share/zsh/vendor-completions/_lmdbstream'],
  ['fish', 'share/fish/vendor_completions.d/lmdbstream.fish'],
]);

/**
 * Makes the folder that .tar.gz and .deb have in common, with the layout of /usr, and the .tar.gz of it.
 * @param {string} work an empty place
 * @param {string} arch as Node names it
 * @returns {Promise<{ archive: string, folder: string }>}
 */
export async function makeArchive(work, arch) {
  const name = `${product.name}-${product.version}-linux-${arch}`;
  const folder = join(work, name);
  const home = join(folder, 'lib/lmdbstream');
  await makeApp(home, arch);
  const { node: spec, integrity } = runtimeOf(arch);
  const node = fetchPackage(spec, integrity);
  cpSync(join(node, 'bin/node'), join(home, 'node'));
  mkdirSync(join(folder, 'bin'));
  cpSync(join(root, 'packaging/lmdbstream.sh'), join(folder, 'bin/lmdbstream'));
  writeReference(folder);
  const doc = join(folder, 'share/doc/lmdbstream');
  for (const page of ['README.md', 'CHANGELOG.md', 'docs', 'examples']) {
    cpSync(join(root, page), join(doc, page), { recursive: true });
  }
  cpSync(join(node, 'LICENSE'), join(doc, 'LICENSE.node'));
  write(folder, 'share/doc/lmdbstream/copyright', copyright());
  for (const part of ['systemd', 'grafana', 'prometheus']) {
    cpSync(join(root, 'packaging', part), join(doc, part), { recursive: true });
  }
  setTimes(folder, sourceDateEpoch());
  // Modes as of git, not of whoever builds.
  must('chmod', ['-R', 'u=rwX,go=rX', folder]);
  const archive = join(packagesFolder, `${name}.tar.gz`);
  const tar = `tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner -C "$1" -cf - "$2" | gzip -n6 > "$3"`;
  must('bash', ['-o', 'pipefail', '-c', tar, 'tar', work, name, archive]);
  return { archive, folder };
}

/**
 * What the program itself says of its commands: the manual page and the completions.
 * @param {string} folder
 */
function writeReference(folder) {
  const ask = (/** @type {string[]} */ ...args) => must(process.execPath, [join(root, 'bin/lmdbstream.js'), ...args]);
  const head = readFileSync(join(root, 'packaging/lmdbstream.1.head'), 'utf8');
  const tail = readFileSync(join(root, 'packaging/lmdbstream.1.tail'), 'utf8');
  write(
    folder,
    'share/man/man1/lmdbstream.1',
    manPage(ask('docs'), { head, tail, ...product, seconds: sourceDateEpoch() }),
  );
  must('gzip', ['-n9', join(folder, 'share/man/man1/lmdbstream.1')]);
  for (const [shell, path] of COMPLETIONS) write(folder, path, ask('completion', shell));
}

function copyright() {
  const head = readFileSync(join(root, 'packaging/debian/copyright.head'), 'utf8');
  return `${head}\n${readFileSync(join(root, 'LICENSE'), 'utf8')}`;
}

/**
 * @param {string} folder
 * @param {string} path
 * @param {string} text
 */
function write(folder, path, text) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
