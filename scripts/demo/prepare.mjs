import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from '../processes.mjs';
import { ensureNodeModules, ensureSystemPackages } from '../setup.mjs';

const OLDEST_NODE = { major: 20, minor: 19 };
const PACKAGES = ['liblmdb0'];
const POWERDNS_PACKAGES = ['pdns-server', 'pdns-backend-lmdb', 'bind9-dnsutils'];

/**
 * Installs and builds what is missing; silent when all is there.
 * @param {{ withPowerDns: boolean }} options
 * @returns {Promise<boolean>} whether the demo can start
 */
export async function prepare({ withPowerDns }) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE.major || (major === OLDEST_NODE.major && minor < OLDEST_NODE.minor)) {
    console.error(
      `This is Node ${process.versions.node}; lmdbstream needs ${OLDEST_NODE.major}.${OLDEST_NODE.minor} or newer.`,
    );
    return false;
  }
  if (!(await ensureSystemPackages(withPowerDns ? [...PACKAGES, ...POWERDNS_PACKAGES] : PACKAGES))) return false;
  if (!(await ensureNodeModules())) return false;
  if (isBuilt()) return true;
  return (await run('npm', ['run', '--silent', 'build'])) === 0;
}

/** Whether `dist/` is there and no source is younger. */
function isBuilt() {
  const built = join(root, 'dist', 'cli', 'main.js');
  if (!existsSync(built)) return false;
  const builtMs = statSync(built).mtimeMs;
  const sources = readdirSync(join(root, 'src'), { recursive: true }).map((name) => join(root, 'src', name));
  return sources.every((file) => statSync(file).mtimeMs <= builtMs);
}
