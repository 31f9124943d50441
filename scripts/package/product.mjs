import { spawnSync } from 'node:child_process';
import { lutimesSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf, root } from '../processes.mjs';

/** Where packages are made; git ignores it. */
export const packagesFolder = join(root, '.tmp/packages');

/** @type {{ name: string, version: string, description: string }} */
export const product = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * The Node that packages bring, by architecture as Node names it.
 * @type {Record<string, { debian: string, node: string, integrity: string }>}
 */
const runtimes = JSON.parse(readFileSync(join(root, 'packaging/runtime.json'), 'utf8'));

export const ARCHITECTURES = Object.keys(runtimes);

/** @param {string} arch */
export function runtimeOf(arch) {
  const found = runtimes[arch];
  if (!found) throw new Error(`no Node is known for ${arch}: choose from ${ARCHITECTURES.join(', ')}`);
  return found;
}

/**
 * The time of everything in a package: the same sources give the same bytes.
 * @returns {number} seconds since 1970: $SOURCE_DATE_EPOCH, or the time of the last commit
 */
export function sourceDateEpoch() {
  const given = process.env.SOURCE_DATE_EPOCH ?? outputOf('git', ['log', '-1', '--format=%ct']);
  const seconds = Number(given?.trim());
  if (given === undefined || !Number.isSafeInteger(seconds)) {
    throw new Error('no time for the package: set SOURCE_DATE_EPOCH to seconds since 1970');
  }
  return seconds;
}

/**
 * Who answers for a Debian package: $DEBFULLNAME and $DEBEMAIL, as for Debian's own tools, or the author of the last commit.
 * @returns {string} `Name <address>`
 */
export function maintainer() {
  const { DEBFULLNAME, DEBEMAIL } = process.env;
  const [name, email] = outputOf('git', ['log', '-1', '--format=%an%n%ae'])?.trim().split('\n') ?? [];
  const [givenName, address] = [DEBFULLNAME || name, DEBEMAIL || email];
  if (!givenName || !address) throw new Error('no maintainer for the package: set DEBFULLNAME and DEBEMAIL');
  return `${givenName} <${address}>`;
}

/**
 * Runs a command that must succeed.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} options
 * @returns {string} what it prints
 */
export function must(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, ...options, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/**
 * Sets the time of everything below a folder, and of itself.
 * @param {string} folder
 * @param {number} seconds
 */
export function setTimes(folder, seconds) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) lutimesSync(join(entry.parentPath, entry.name), seconds, seconds);
  lutimesSync(folder, seconds, seconds);
}
