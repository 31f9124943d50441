import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  ConfigKeyError,
  ConfigSyntaxError,
  ConfigValueError,
  loadConfig,
} from '../../src/config/index.ts';
import { MINIMAL, parse, parseLmdb, parseWith, problemOf } from './support.ts';

describe('YAML 1.1, as the reference decodes it', () => {
  it.each(['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE'])('%s is true', (word) => {
    expect(parseWith(`only_once: ${word}`).onlyOnce).toBe(true);
  });

  it.each(['n', 'no', 'off', 'Off', 'false', 'FALSE', '~', ''])('%s is false', (word) => {
    expect(parseWith(`lmdb_scrape_smaps: ${word}`).lmdbScrapeSmaps).toBe(false);
  });

  it.each(['"yes"', "'true'", '0', '1', 'tRUE', '[]', '{}', '!!str yes'])('%s is no boolean', (word) => {
    const problem = problemOf(() => parseWith(`only_once: ${word}`));
    expect(problem).toBeInstanceOf(ConfigValueError);
    expect(problem.message).toMatch(/^a\.yaml:1: only_once: expected true or false/);
  });

  it.each([
    ['010', 8],
    ['0o10', 8],
    ['0x10', 16],
    ['0b11', 3],
    ['1_000', 1000],
    ['5.0', 5],
    ['+7', 7],
    ['1e3', 1000],
  ])('%s is the whole number %d', (text, value) => {
    expect(parseWith(`storage_retry_count: ${text}`).storageRetryCount).toBe(value);
  });

  it.each(['"5"', '5.5', 'many', '.inf', '.nan', '99999999999999999999', '0o9', '1__x'])('%s is none', (text) => {
    expect(problemOf(() => parseWith(`storage_retry_count: ${text}`)).key).toBe('storage_retry_count');
  });

  it.each([
    ['5000000000', 5000],
    ['5e9', 5000],
    ['100_000_000', 100],
    ['"1s"', 1000],
    ['1m', 60_000],
  ])('%s is a duration; a bare number is nanoseconds', (text, ms) => {
    expect(parseWith(`lmdb_poll_interval: ${text}`).lmdbPollIntervalMs).toBe(ms);
  });

  it.each(['"5000000000"', '99999999999999999999', '.inf', '[1s]', '1 s'])('%s is none', (text) => {
    expect(problemOf(() => parseWith(`lmdb_poll_interval: ${text}`)).key).toBe('lmdb_poll_interval');
  });

  it('a number without a unit is explained', () => {
    expect(problemOf(() => parseWith('lmdb_poll_interval: 5')).hint).toMatch(/nanoseconds: write 5s/);
  });

  it.each([
    ['0640', 0o640],
    ['0o640', 0o640],
    ['0x1a0', 0o640],
    ['416', 0o640],
    ['0', 0o664],
  ])('%s is a file mask', (text, mask) => {
    expect(parseLmdb(`options: {file_mask: ${text}}`).lmdbs.get('main')?.options.fileMask).toBe(mask);
  });

  it.each([
    ['yes', 'yes'],
    ['010', '010'],
    ['2026-11-23', '2026-11-23'],
    ['1.50', '1.50'],
    ['"a b"', 'a b'],
    ['~', 'the-host'],
    ['', 'the-host'],
    ["'~'", '~'],
  ])('a text is taken as it stands: %s', (text, instance) => {
    expect(parse(`instance: ${text}\n${MINIMAL.replace(/^.*\n/, '')}`).instance).toBe(instance);
  });

  it('a key with nothing behind it is zero, not the default; an empty section is its defaults', () => {
    expect(parseWith('storage_force_snapshot_interval:').storageForceSnapshotIntervalMs).toBe(0);
    expect(parseWith('sweeper:\nlog:\nhealth: {start: }').sweeper.retentionDays).toBe(370);
    expect(problemOf(() => parseWith('lmdb_poll_interval: ~')).key).toBe('lmdb_poll_interval');
  });

  it('.inf days are for ever', () => {
    expect(parseWith('sweeper: {retention_days: .inf}').sweeper.retentionDays).toBe(Number.POSITIVE_INFINITY);
    expect(problemOf(() => parseWith('sweeper: {retention_days: .nan}')).key).toBe('sweeper.retention_days');
  });

  it('merge keys and aliases', () => {
    const config = parse(`
lmdbs:
  a: &base
    path: /a
    dupsort_hack: yes
    options: &options {no_subdir: yes, max_dbs: 32}
  b:
    <<: *base
    path: /b
  c: {<<: [{path: /lost, dupsort_hack: no}, *base], path: /c, options: *options}
storage: {type: memory}
`);
    expect([...config.lmdbs.keys()]).toEqual(['a', 'b', 'c']);
    expect(config.lmdbs.get('b')).toMatchObject({ path: '/b', dupsortHack: true, options: { maxDbs: 32 } });
    expect(config.lmdbs.get('c')).toMatchObject({ path: '/c', dupsortHack: false, options: { noSubdir: true } });
  });
});

describe('what is no configuration', () => {
  it.each([
    ['two documents', `${MINIMAL}---\nx: 1\n`, 9],
    ['a second document after an empty one', `---\n---\n${MINIMAL}`, 3],
    ['a key twice', `only_once: yes\nonly_once: yes\n${MINIMAL}`, 2],
    ['an open list', 'a: [', 1],
    ['a tab', 'a:\n\t- b', 2],
    ['an alias to nothing', 'a: 1\nb: *nope', 2],
    ['an alias to itself', 'a: &a [*a]', undefined],
    ['a merge of a text', '<<: x', 1],
    ['a list as a key', '[a]: 1', 1],
    ['__proto__', 'lmdbs:\n  __proto__: {path: /a}', 2],
  ])('%s', (_name, text, line) => {
    const problem = problemOf(() => parse(text));
    expect(problem).toBeInstanceOf(ConfigSyntaxError);
    if (line !== undefined) expect(problem.place.line).toBe(line);
  });

  it('aliases that multiply', () => {
    const levels = 'abcdefghi'.split('');
    const bomb = levels.map((name, index) => `${name}: &${name} [${`*${levels[index - 1] ?? ''},`.repeat(9)}]`);
    bomb[0] = `a: &a [${'x,'.repeat(9)}]`;
    expect(problemOf(() => parse(bomb.join('\n'))).message).toMatch(/too deep or too large/);
  });

  it.each([
    ['', 'no LMDBs configured'],
    ['# nothing\n', 'no LMDBs configured'],
    ['---\n', 'no LMDBs configured'],
    ['lmdbs: {}', 'no LMDBs configured'],
    ['- a', 'expected a mapping, found a list'],
    ['text', 'expected a mapping, found a single value'],
    ['lmdbs: [a]', 'lmdbs: expected a mapping, found a list'],
    ['lmdbs: {main: /path}', 'lmdbs.main: expected a mapping, found a single value'],
    ['lmdbs: {main: {path: [a]}}', 'lmdbs.main.path: expected a text, found a list'],
  ])('%j', (text, message) => {
    expect(problemOf(() => parse(text)).message).toContain(message);
  });

  it('a document that ends with --- is one document', () => {
    expect(parse(`---\n${MINIMAL}---\n`).instance).toBe('one');
  });

  it('a message never shows the line itself, which may hold a secret', () => {
    const problem = problemOf(() => parse('storage:\n  options: {secret_key: "hunter2\n'));
    expect(`${problem.message} ${problem.hint}`).not.toContain('hunter2');
  });

  it('a file that cannot be read', () => {
    const problem = problemOf(() => loadConfig('/nonexistent/a.yaml'));
    expect(problem).toMatchObject({ code: 'CONFIG_UNREADABLE', hint: expect.stringContaining('--config') });
    expect(problem.cause).toBeInstanceOf(Error);
  });
});

describe('unknown keys', () => {
  it.each([
    ['lmdb_pol_interval: 1s', 'lmdb_pol_interval', 'did you mean lmdb_poll_interval?'],
    ['lmdb-poll-interval: 1s', 'lmdb-poll-interval', 'did you mean lmdb_poll_interval?'],
    ['Instance: a', 'Instance', 'did you mean instance?'],
    ['sweeper: {enabeld: yes}', 'sweeper.enabeld', 'did you mean enabled?'],
    ['log: {colour: red}', 'log.colour', 'known here: level, format, timestamp'],
    ['health: {start: {report_health: no}}', 'health.start.report_health', 'did you mean report_healthz?'],
  ])('%s', (line, key, hint) => {
    const problem = problemOf(() => parseWith(line));
    expect(problem).toBeInstanceOf(ConfigKeyError);
    expect(problem).toMatchObject({ key, hint, code: 'CONFIG_UNKNOWN_KEY' });
    expect(problem.message).toBe(`a.yaml:1: ${key}: unknown key`);
  });

  it('the first of several problems in the file is told, at its own line', () => {
    const problem = problemOf(() => parse(`${MINIMAL}colour: red\nlog: {level: loud}\nsize: 1\n`));
    expect(problem.message).toBe('a.yaml:8: colour: unknown key');
  });

  it('all errors are one family', () => {
    expect(problemOf(() => parse('a: 1'))).toBeInstanceOf(ConfigError);
  });
});
