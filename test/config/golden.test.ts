import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/index.ts';
import { parse, problemOf } from './support.ts';

interface GoldenConfig {
  readonly name: string;
  readonly yaml: string;
  readonly exitCode: number;
}

const file = resolve(import.meta.dirname, '../golden/data/config/configs.json');
const goldens: readonly GoldenConfig[] = JSON.parse(readFileSync(file, 'utf8'));

/** Accepted by the reference, refused here (test/golden/data/README.md, last bullet), with what the operator is told. */
const REFUSED_BETTER: Readonly<Record<string, RegExp>> = {
  'max-dbs': /max_dbs: 2 is too few/,
  'bad-db-name': /lmdbs\.ma__in: two underscores/,
  'slash-db-name': /lmdbs\.ma\/in: a slash/,
  'cleanup-zero': /storage\.cleanup\.interval: must be above 0/,
  'sweeper-days-0': /retention_days: must be above 0/,
  'sweeper-days-neg': /retention_days: must be above 0/,
  'sweeper-interval-0': /sweeper\.interval: must be above 0/,
  'health-interval-0': /health\.storage_list\.interval: must be above 0/,
  'two-docs': /a second YAML document/,
};

/** Refused by the reference (or a crash there), accepted here. */
const ACCEPTED_BETTER: readonly string[] = ['deprecated-root-path', 's3-no-keys'];

const read = ({ yaml }: GoldenConfig) =>
  parse(yaml.replaceAll('@DB@', '/data/lmdb').replaceAll('@STORE@', '/data/bucket'), { LSNAME: 'from-env' });

describe('the configurations the reference was asked about', () => {
  it('are all here', () => {
    expect(goldens).toHaveLength(78);
    const names = goldens.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...Object.keys(REFUSED_BETTER), ...ACCEPTED_BETTER]));
  });

  it.each(goldens.map((golden) => [golden.name, golden] as const))('%s', (name, golden) => {
    const better = REFUSED_BETTER[name];
    if (better !== undefined) {
      expect(golden.exitCode).toBe(0);
      expect(problemOf(() => read(golden)).message).toMatch(better);
    } else if (golden.exitCode === 0 || ACCEPTED_BETTER.includes(name)) {
      if (ACCEPTED_BETTER.includes(name)) expect(golden.exitCode).not.toBe(0);
      expect(read(golden).lmdbs.get('main')?.path).toBe('/data/lmdb');
    } else {
      expect(problemOf(() => read(golden))).toBeInstanceOf(ConfigError);
    }
  });
});

describe('what the accepted ones mean', () => {
  const config = (name: string) => read(goldens.find((golden) => golden.name === name)!);

  it('durations', () => {
    expect(config('duration-1h30m').storagePollIntervalMs).toBe(5_400_500);
    expect(config('poll-100ms').lmdbPollIntervalMs).toBe(100);
    expect(config('force-0').storageForceSnapshotIntervalMs).toBe(0);
  });

  it.each([
    ['mapsize-1GB', 2 ** 30],
    ['mapsize-1gb', 2 ** 30],
    ['mapsize-space', 2 ** 30],
    ['mapsize-number', 10_485_760],
  ])('%s', (name, sizeBytes) => {
    expect(config(name).lmdbs.get('main')?.options.mapSizeBytes).toBe(sizeBytes);
  });

  it('masks are octal', () => {
    expect(config('mask-octal').lmdbs.get('main')?.options).toMatchObject({ fileMask: 0o640, dirMask: 0o750 });
  });

  it.each([
    ['override-flags-int', 4],
    ['override-flags-name', 4],
    ['override-flags-names', 0x14],
    ['override-flags-hex', 4],
  ])('%s', (name, flags) => {
    expect(config(name).lmdbs.get('main')?.dbiOptions.get('x')).toEqual({ overrideCreateFlags: flags });
  });

  it.each([
    ['env-braces', 'from-env'],
    ['env-bare', 'from-env'],
    ['env-unset', 'the-host'],
    ['no-instance', 'the-host'],
    ['instance-odd', 'a b.c_d'],
  ])('%s', (name, instance) => {
    expect(config(name).instance).toBe(instance);
  });

  it('the rest', () => {
    expect(config('bool-yes').onlyOnce).toBe(true);
    expect(config('sweeper-days-half').sweeper.retentionDays).toBe(0.5);
    expect(config('log-all').log).toEqual({ level: 'warning', format: 'json', timestamp: 'full' });
    expect(config('env-dollar-number').storage).toMatchObject({ options: { rootPath: '/data/bucket' } });
    expect(config('deprecated-root-path').storage).toMatchObject({ type: 'fs', options: { rootPath: '/data/bucket' } });
    expect(config('deprecated-root-path').warnings.join()).toMatch(/root_path is deprecated/);
    expect(config('minimal').warnings).toEqual([]);
  });
});
