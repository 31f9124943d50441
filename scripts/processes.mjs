import { spawn, spawnSync } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Runs a command in the project's root with its output passed through.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {(stream: string, piece: string) => void} [look] shown all that is passed through
 * @returns {Promise<number>} its exit code; 127 when it is missing
 */
export function run(command, args, env = process.env, look) {
  console.log(`\n$ ${[command, ...args].join(' ')}`);
  return new Promise((done) => {
    const out = look ? 'pipe' : 'inherit';
    const colours = look && process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
    const child = spawn(command, args, { cwd: root, env: { ...env, ...colours }, stdio: ['ignore', out, out] });
    for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
      child[name]?.on('data', (/** @type {Buffer} */ piece) => {
        process[name].write(piece);
        look?.(name, piece.toString());
      });
    }
    child.on('error', (error) => {
      console.error(error.message);
      done(127);
    });
    child.on('close', (code, signal) => {
      if (signal) console.error(`${command} was ended by ${signal}`);
      done(code ?? 1);
    });
  });
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {string | undefined} what it prints; undefined when it is missing or fails
 */
export function outputOf(command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return result.status === 0 ? result.stdout : undefined;
}
