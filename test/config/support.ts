import { type Config, type ConfigError, type Environment, parseConfig } from '../../src/config/index.ts';

/** The smallest file that is accepted, with room for more keys in front. */
export const MINIMAL = `instance: one
lmdbs:
  main:
    path: /var/lib/app/lmdb
storage:
  type: fs
  options: {root_path: /var/lib/bucket}
`;

export function parse(text: string, env: Environment = {}): Config {
  return parseConfig(text, { file: 'a.yaml', env, hostname: () => 'the-host' });
}

/** Keys at the top of `MINIMAL`. */
export function parseWith(lines: string): Config {
  return parse(`${lines}\n${MINIMAL}`);
}

/** `MINIMAL` with keys in `lmdbs.main`. */
export function parseLmdb(keys: string): Config {
  return parse(`lmdbs: {main: {path: /db, ${keys}}}\nstorage: {type: memory}\n`);
}

export function parseStorage(storage: string): Config {
  return parse(`lmdbs: {main: {path: /db}}\nstorage: ${storage}\n`);
}

/** What `action` throws; fails when it does not. */
export function problemOf(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    return error as ConfigError;
  }
  throw new Error('nothing was refused');
}
