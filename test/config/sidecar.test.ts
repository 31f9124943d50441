import { expect, it } from 'vitest';
import { ConfigValueError } from '../../src/config/index.ts';
import { parse, parseLmdb, problemOf } from './support.ts';

it.each([
  ['shadow: beside', 'lmdbs.main.shadow', /one of: inline, sidecar/],
  ['shadow: sidecar, schema_tracks_changes: yes', 'lmdbs.main.shadow', /has no shadow/],
  ['shadow_path: /beside', 'lmdbs.main.shadow_path', /for shadow: sidecar only/],
])('%s is refused', (keys, key, what) => {
  const problem = problemOf(() => parseLmdb(keys));
  expect(problem).toBeInstanceOf(ConfigValueError);
  expect(problem.key).toBe(key);
  expect(`${problem.message} (${problem.hint})`).toMatch(what);
});

it('two sidecars are two files', () => {
  const lmdb = (name: string) => `${name}: {path: /${name}, shadow: sidecar, shadow_path: /beside}`;
  const problem = problemOf(() => parse(`lmdbs: {${lmdb('a')}, ${lmdb('b')}}\nstorage: {type: memory}`));
  expect([problem.key, problem.message]).toEqual(['lmdbs.b.shadow_path', expect.stringContaining('a file of "a"')]);
});

it('a sidecar, with its place', () => {
  const config = parseLmdb('shadow: sidecar, shadow_path: /beside');
  expect(config.lmdbs.get('main')).toMatchObject({ shadow: 'sidecar', shadowPath: '/beside' });
});
