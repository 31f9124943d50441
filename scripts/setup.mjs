// Installs what lmdbstream needs from the system. `npm run setup`: for the tests too; `node scripts/setup.mjs --run`: only to run it.
// Nothing happens when all is there, so `npm test` calls it every time.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputOf, root, run } from './processes.mjs';

/** All that the product needs. */
export const RUN_PACKAGES = ['liblmdb0'];
const TEST_PACKAGES = [
  ...RUN_PACKAGES,
  // The application of the end-to-end tests, and what asks it questions.
  'pdns-server',
  'pdns-backend-lmdb',
  'bind9-dnsutils',
  // A second, independent implementation that plays the application: liblmdb's own tools and Python's binding.
  'lmdb-utils',
  'python3',
  'python3-lmdb',
  // Opens the status page in the tests.
  'chromium',
  // Records writes and fsyncs for the tests of power failures.
  'strace',
  // Installs SeaweedFS, the S3 server of the storage tests.
  'python3-pip',
];

const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_TEXT =
  '#!/bin/sh\n# Written by the setup of lmdbstream while it installs packages; may be removed.\nexit 101\n';
/** The same by hand. */
const FORBID_SERVICES = `printf '#!/bin/sh\\nexit 101\\n' > ${POLICY}; chmod 755 ${POLICY}`;
/** @type {NodeJS.Signals[]} */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * @param {readonly string[]} packages
 * @returns {string[] | undefined} those that dpkg does not list as installed; undefined on a system without dpkg
 */
function missingPackages(packages) {
  if (outputOf('dpkg-query', ['--version']) === undefined) return undefined;
  // Exits 1 when one is unknown, and still lists the others.
  const format = '$' + '{Package} $' + '{db:Status-Abbrev}\\n';
  const listed = spawnSync('dpkg-query', ['-W', `-f=${format}`, ...packages], { encoding: 'utf8' }).stdout;
  const installed = new Set(
    listed
      .split('\n')
      .filter((line) => / ii/.test(line))
      .map((line) => line.split(' ')[0]),
  );
  return packages.filter((name) => !installed.has(name));
}

/**
 * Installs missing Debian packages.
 * @returns {Promise<boolean>} whether all are there now
 */
export async function ensureSystemPackages(packages = TEST_PACKAGES) {
  const missing = missingPackages(packages);
  if (missing === undefined) {
    console.log(`No dpkg here: this system must provide what Debian calls ${packages.join(', ')}.`);
    return true;
  }
  if (missing.length === 0) return true;
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  if (process.getuid?.() !== 0) {
    // No sudo: it is not everywhere, and the line is the same in a root shell or behind su, sudo or doas.
    console.error('These Debian packages are missing. Run these lines as root, then start again:');
    console.error(`  ${FORBID_SERVICES}`);
    console.error(`  apt-get update && apt-get ${install.join(' ')}; rm ${POLICY}`);
    return false;
  }
  return withoutServices(async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    if ((await run('apt-get', ['update'], env)) !== 0) return false;
    return (await run('apt-get', install, env)) === 0;
  });
}

/**
 * Installing pdns-server would start it on port 53: a policy forbids services meanwhile (`invoke-rc.d` takes exit code 101 for
 * "forbidden"). A policy that exists is respected. A signal waits until the installation has ended, for what it still unpacks
 * must not start either; then ours is removed, whatever happened.
 * @param {() => Promise<boolean>} body
 */
export async function withoutServices(body, policy = POLICY) {
  if (existsSync(policy) && readFileSync(policy, 'utf8') !== POLICY_TEXT) return body();
  // Only SIGKILL leaves it behind: the file says who wrote it, and the next run of ours takes it away.
  writeFileSync(policy, POLICY_TEXT);
  // Not as a mode of the above, which is less the umask: a policy that cannot be run forbids nothing.
  chmodSync(policy, 0o755);
  /** @type {NodeJS.Signals | undefined} */
  let signalled;
  /** @param {NodeJS.Signals} signal */
  const note = (signal) => {
    signalled ??= signal;
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, note);
  try {
    return await body();
  } finally {
    rmSync(policy, { force: true });
    for (const signal of ENDING_SIGNALS) process.off(signal, note);
    if (signalled !== undefined) process.exit(128 + constants.signals[signalled]);
  }
}

/**
 * Installs the npm packages when they are missing or older than the lock file.
 * @returns {Promise<boolean>} whether they are there now
 */
export async function ensureNodeModules() {
  // npm writes this file last, so it also tells a broken installation from a whole one.
  const marker = join(root, 'node_modules', '.package-lock.json');
  if (existsSync(marker) && statSync(marker).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs) return true;
  return (await run('npm', ['ci', '--no-audit', '--no-fund'])) === 0;
}

/**
 * What scripts that run the product begin with: a machine on which nothing was set up yet would only fail in many words.
 * @returns {Promise<boolean>} whether all is there now
 */
export async function ensureReady(packages = TEST_PACKAGES) {
  if ((await ensureSystemPackages(packages)) && (await ensureNodeModules())) return true;
  console.error('\nThe setup failed: nothing was run.');
  return false;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const onlyRun = process.argv.includes('--run');
  const ready = await ensureSystemPackages(onlyRun ? RUN_PACKAGES : TEST_PACKAGES);
  if (ready) console.log('All system packages are there.');
  process.exitCode = ready ? 0 : 1;
}
