// `npm run package`: an npm tarball, a .tar.gz and a .deb in .tmp/packages. `-- --arch x64|arm64` (default: this machine's; may be
// given again), `-- --verify`: also installs the .deb in a clean Debian (root, debootstrap), `-- --app FOLDER`: only the program, for
// a Dockerfile, `-- --npm FOLDER`: only what the npm tarball is made of, `-- --no-build`: packs what was built last.
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  ARCHITECTURES,
  makeApp,
  makeArchive,
  makeDeb,
  makeNpmFolder,
  makeNpmTarball,
  packagesFolder,
} from './package/index.mjs';
import { verifyInChroot } from './package/verify.mjs';
import { run } from './processes.mjs';

const { values } = parseArgs({
  options: {
    arch: { type: 'string', multiple: true, default: [process.arch] },
    app: { type: 'string' },
    npm: { type: 'string' },
    verify: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
  },
});

/** @returns {Promise<number>} the exit code */
async function main() {
  const unknown = values.arch.find((arch) => !ARCHITECTURES.includes(arch));
  if (unknown !== undefined) {
    console.error(`--arch ${unknown}: choose from ${ARCHITECTURES.join(', ')}`);
    return 2;
  }
  if (!values['no-build'] && (await run('npm', ['run', '--silent', 'prepack'])) !== 0) return 1;
  if (values.app !== undefined) {
    await makeApp(resolve(values.app), values.arch[0] ?? process.arch);
    return 0;
  }
  if (values.npm !== undefined) {
    await makeNpmFolder(resolve(values.npm));
    return 0;
  }
  mkdirSync(packagesFolder, { recursive: true });
  const made = [await makeNpmTarball()];
  for (const arch of values.arch) {
    const tree = join(packagesFolder, `tree-${arch}`);
    rmSync(tree, { recursive: true, force: true });
    const { archive, folder } = await makeArchive(tree, arch);
    made.push(archive, makeDeb(folder, arch));
    rmSync(tree, { recursive: true, force: true });
  }
  for (const file of made) console.log(file);
  if (!values.verify) return 0;
  return verifyInChroot(made.filter((file) => file.endsWith('.deb')));
}

process.exitCode = await main();
