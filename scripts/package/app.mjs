import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../processes.mjs';
import { bundleInto } from './bundle.mjs';
import { fetchPackage } from './fetch.mjs';
import { licencesOf } from './licences.mjs';
import { product } from './product.mjs';

/**
 * Of koffi, which is loaded from its folder because it loads a native file. Left out: its C++ sources, the vendored headers, the
 * documentation, the CommonJS doubles, the build for musl.
 */
const KOFFI_FILES = ['package.json', 'LICENSE.txt', 'index.js', 'src/koffi/index.js', 'src/koffi/src/static.js'];

/**
 * Makes the program as it is installed from a .deb: bundled, with the parts of koffi that it loads.
 *
 * @param {string} folder is emptied
 * @param {string} arch as Node names it
 */
export async function makeApp(folder, arch) {
  rmSync(folder, { recursive: true, force: true });
  const inputs = await bundleInto(folder, {}, 'node24');
  copy(join(root, 'dist/server/assets'), join(folder, 'dist/cli/assets'));
  copy(join(root, 'bin/lmdbstream.js'), join(folder, 'bin/lmdbstream.js'));
  const { name, version, description } = product;
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ name, version, description, type: 'module' })}\n`);
  for (const file of KOFFI_FILES)
    copy(join(root, 'node_modules/koffi', file), join(folder, 'node_modules/koffi', file));
  copyNativeKoffi(folder, arch);
  const used = [...inputs, 'node_modules/koffi/index.js', 'node_modules/uplot/package.json'];
  writeFileSync(join(folder, 'THIRD-PARTY-LICENSES'), licencesOf(used));
}

/**
 * @param {string} folder
 * @param {string} arch
 */
function copyNativeKoffi(folder, arch) {
  const name = `@koromix/koffi-linux-${arch}`;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const { version, integrity } = lock.packages[`node_modules/${name}`];
  const fetched = fetchPackage(`${name}@${version}`, integrity);
  for (const file of ['package.json', 'index.js', `linux_${arch}/koffi.node`]) {
    copy(join(fetched, file), join(folder, 'node_modules', name, file));
  }
}

/**
 * @param {string} from
 * @param {string} to
 */
function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}
