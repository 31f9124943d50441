import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileIdentity } from '../../src/config/file-identity.ts';
import { ConfigValueError, parseConfig } from '../../src/config/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
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

const SHADOW = 'shadow: sidecar';
const FILE = 'options: {no_subdir: true}';

describe('no two things are one file', () => {
  it.each([
    [
      'two sidecars',
      `a: {path: /a, ${SHADOW}, shadow_path: /beside}, b: {path: /b, ${SHADOW}, shadow_path: /beside}`,
      'b.shadow_path',
      '/beside is the sidecar of "a" already',
    ],
    [
      'the own data file',
      `a: {path: /a, ${SHADOW}, shadow_path: /a/data.mdb}`,
      'a.shadow_path',
      '/a/data.mdb is the LMDB of "a" already',
    ],
    [
      'the own lock file',
      `a: {path: /a, ${SHADOW}, shadow_path: /x/../a/lock.mdb}`,
      'a.shadow_path',
      '/a/lock.mdb is a lock file of "a" already',
    ],
    [
      'the own lock file, without a folder',
      `a: {path: /a, ${FILE}, ${SHADOW}, shadow_path: /a-lock}`,
      'a.shadow_path',
      '/a-lock is a lock file of "a" already',
    ],
    [
      'the lock file of another',
      `a: {path: /a, ${SHADOW}, shadow_path: /b/lock.mdb}, b: {path: /b}`,
      'a.shadow_path',
      '/b/lock.mdb is a lock file of "b" already',
    ],
    [
      'the lock of the one who syncs',
      `a: {path: /a, ${SHADOW}, shadow_path: /b.lmdbstream-lock}, b: {path: /b, ${FILE}}`,
      'a.shadow_path',
      '/b.lmdbstream-lock is a lock file of "b" already',
    ],
    [
      'what remembers what was told',
      `a: {path: /a, ${SHADOW}, shadow_path: /b.lmdbstream-told}, b: {path: /b, ${FILE}}`,
      'a.shadow_path',
      '/b.lmdbstream-told is the record of events of "b" already',
    ],
    [
      'a lock file that would be an LMDB',
      `a: {path: /a, ${FILE}}, b: {path: /b, ${SHADOW}, shadow_path: /c}, c: {path: /c-lock, ${FILE}}`,
      'b.shadow_path',
      '/c-lock is the LMDB of "c" already',
    ],
    [
      'what is removed before a sidecar is made',
      `a: {path: /a, ${SHADOW}, shadow_path: /b}, b: {path: /b-new, ${FILE}}`,
      'a.shadow_path',
      '/b-new is the LMDB of "b" already',
    ],
    [
      'the default place, and an LMDB',
      `a: {path: /a, ${FILE}, ${SHADOW}}, b: {path: /a.lmdbstream-shadow, ${FILE}}`,
      'a.shadow',
      'the place of its sidecar /a.lmdbstream-shadow is the LMDB of "b" already',
    ],
    [
      'the same the other way round',
      `b: {path: /a/data.mdb.lmdbstream-shadow, ${FILE}}, c: {path: /a, ${SHADOW}}`,
      'c.shadow',
      'the place of its sidecar /a/data.mdb.lmdbstream-shadow is the LMDB of "b" already',
    ],
    [
      'the default place where no sidecar is wanted',
      `a: {path: /a, ${FILE}}, b: {path: /a.lmdbstream-shadow, ${FILE}}`,
      'a.path',
      'the place of its sidecar /a.lmdbstream-shadow is the LMDB of "b" already',
    ],
    [
      'the default place, and the sidecar of another',
      `a: {path: /a, ${SHADOW}, shadow_path: /b.lmdbstream-shadow}, b: {path: /b, ${FILE}, ${SHADOW}}`,
      'a.shadow_path',
      '/b.lmdbstream-shadow is the sidecar of "b" already',
    ],
    [
      'an LMDB that is the lock file of another',
      `a: {path: /a, ${FILE}}, b: {path: /a-lock, ${FILE}}`,
      'a.path',
      'its lock file /a-lock is the LMDB of "b" already',
    ],
  ])('%s', (_, lmdbs, key, what) => {
    const problem = problemOf(() => parse(`lmdbs: {${lmdbs}}\nstorage: {type: memory}`));
    expect(problem).toBeInstanceOf(ConfigValueError);
    expect([problem.key, problem.message, problem.others]).toEqual([`lmdbs.${key}`, expect.stringContaining(what), []]);
    expect(problem.hint).toMatch(/another|own/);
  });

  it('nor through a link, and each mistake is told once', () => {
    const folder = temporaryFolder();
    const place = (name: string): string => join(folder, name);
    mkdirSync(place('a'));
    writeFileSync(place('a/lock.mdb'), '');
    symlinkSync(place('a/lock.mdb'), place('link'));
    const lmdb = (path: string, more = '') => `{path: ${place(path)}, ${SHADOW}${more}}`;
    const lmdbs = `{a: ${lmdb('a', `, shadow_path: ${place('link')}`)}, b: ${lmdb('a')}}`;
    const text = `lmdbs: ${lmdbs}\nstorage: {type: memory}`;
    const problem = problemOf(() => parseConfig(text, { identityOf: fileIdentity, hostname: () => 'h' }));
    const found = [problem, ...problem.others].map(({ message }) => message);
    expect(found.sort()).toEqual([
      expect.stringContaining(`lmdbs.a.shadow_path: ${place('link')} is a lock file of "a" already`),
      expect.stringContaining(`lmdbs.b.path: ${place('a/data.mdb')} is the LMDB of "a" already`),
    ]);
  });

  it('what has names of its own is accepted', () => {
    const lmdbs = `a: {path: /x/a, ${FILE}, ${SHADOW}}, a-0: {path: /x/a-0, ${FILE}, ${SHADOW}}, b: {path: /x, ${SHADOW}, shadow_path: /x/b}`;
    expect(parse(`lmdbs: {${lmdbs}}\nstorage: {type: memory}`).lmdbs.size).toBe(3);
  });
});

it('a sidecar, with its place', () => {
  const config = parseLmdb('shadow: sidecar, shadow_path: /beside');
  expect(config.lmdbs.get('main')).toMatchObject({ shadow: 'sidecar', shadowPath: '/beside' });
});
