// `npm run demo`: the main job on a bare Debian 12 machine. Two databases, two instances of the real product, a folder as the bucket, and
// an application on each side; `npm run demo -- --pdns` has two PowerDNS servers for the applications. Ends with "equal", or with exit code 1.
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from './demo/prepare.mjs';
import { stopAll } from './demo/processes.mjs';
import { bad, dim } from './demo/terminal.mjs';

const USAGE = `npm run demo              two plain applications
npm run demo -- --pdns    two PowerDNS servers`;

const OPTIONS = ['--pdns', '--help', '-h'];

/**
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
async function main(args) {
  const unknown = args.find((argument) => !OPTIONS.includes(argument));
  if (unknown !== undefined) console.error(`unknown option ${unknown}`);
  if (unknown !== undefined || args.includes('--help') || args.includes('-h')) {
    console.log(USAGE);
    return unknown === undefined ? 0 : 2;
  }
  const withPowerDns = args.includes('--pdns');
  if (!(await prepare({ withPowerDns }))) return 1;
  const folder = await mkdtemp(join(tmpdir(), 'lmdbstream-demo-'));
  const cleanUp = async () => {
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  };
  let isInterrupted = false;
  const interrupted = async (signal) => {
    if (isInterrupted) return;
    isInterrupted = true;
    console.log(dim('\nStopping what was started …'));
    await cleanUp();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  try {
    // Loaded only now: the plain demo's application needs the build.
    const { runDemo } = await import(withPowerDns ? './demo/powerdns.mjs' : './demo/plain.mjs');
    return (await runDemo(folder)) ? 0 : 1;
  } catch (error) {
    // What fails while everything is being stopped says nothing.
    if (isInterrupted) return 130;
    console.error(`\n${bad('The demo failed:')} ${error.message}`);
    return 1;
  } finally {
    if (!isInterrupted) await cleanUp();
  }
}

process.exitCode = await main(process.argv.slice(2));
