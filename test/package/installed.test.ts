import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { azurePlace, s3Place } from '../e2e/buckets-machine.ts';
import { objectsOf, writeConfig } from '../e2e/product.ts';
import { useAzurite, useSeaweedfs } from '../support/servers/index.ts';

/*
 * Both are installed outside of the project, where nothing of its node_modules can be found by accident. What a clean Debian does
 * with the .deb takes longer: `npm run package -- --verify`.
 */
const root = resolve(import.meta.dirname, '../..');
/** Scripts are JavaScript, checked by a configuration of their own. */
const { licencesOf, packagesOf } = (await import(join(root, 'scripts/package/licences.mjs'))) as {
  licencesOf(files: readonly string[]): string;
  packagesOf(files: readonly string[]): string[];
};
const seaweedfs = await useSeaweedfs();
const azurite = await useAzurite();

const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[], cwd = root, env: Record<string, string> = {}): string {
  const options = { cwd, encoding: 'utf8', timeout: 100_000, env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${stdout}\n${stderr}`);
  return stdout + stderr;
}

/** Files below a folder, relative to it. */
function filesIn(place: string): string[] {
  const entries = readdirSync(place, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(place, join(entry.parentPath, entry.name)));
}

let count = 0;
/** One round over a new LMDB. @returns what was said */
function syncOnce(program: string, { storage, env }: { storage?: unknown; env?: Record<string, string> } = {}): string {
  const place = join(folder, `place-${++count}`);
  const [db, bucket] = [join(place, 'db'), join(place, 'bucket')];
  for (const name of [db, bucket]) mkdirSync(name, { recursive: true });
  const lmdbs = { main: { path: db, options: { create: true } } };
  spawnSync('mdb_load', ['-s', 'data', '-T', db], { input: 'key\nvalue\n' });
  const config = writeConfig(place, 'config', { lmdbs, bucket, ...(storage ? { more: { storage } } : {}) });
  const said = run(
    process.execPath,
    [program, '--config', config, '--instance', 'one', 'sync', '--only-once'],
    root,
    env,
  );
  if (!storage) expect(objectsOf(bucket)).toEqual([expect.stringMatching(/^main__one__.*\.pb\.gz$/)]);
  return said;
}

describe('the npm tarball, installed with its production dependencies', () => {
  const home = join(folder, 'npm');
  const program = join(home, 'node_modules/lmdbstream/bin/lmdbstream.js');

  beforeAll(() => {
    mkdirSync(home);
    const source = join(folder, 'npm-source');
    // Without a build, which would take away what other tests are running.
    run(process.execPath, ['scripts/package.mjs', '--no-build', '--npm', source]);
    const answer = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', home], source);
    const [{ filename }] = JSON.parse(answer.replace(/^[^[]*/, '')) as [{ filename: string }];
    // The versions of the lock file, which are in npm's cache since the project was set up.
    cpSync(join(root, 'package-lock.json'), join(home, 'package-lock.json'));
    const { name, version, dependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
    writeFileSync(join(home, 'package.json'), JSON.stringify({ name, version, dependencies }));
    run('npm', ['install', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], home);
    mkdirSync(join(home, 'node_modules/lmdbstream'));
    run('tar', ['-xzf', filename, '--strip-components=1', '-C', 'node_modules/lmdbstream'], home);
  });

  it('has the program, the library with its types, the pages and the examples, and nothing else', () => {
    const files = filesIn(join(home, 'node_modules/lmdbstream'));
    const wanted = [
      'bin/lmdbstream.js',
      'dist/cli/main.js',
      'dist/cli/worker.js',
      'dist/cli/assets/page.css',
      'dist/index.js',
      'dist/index.d.ts',
      'docs/getting-started.md',
      'examples/pdns.yaml',
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'THIRD-PARTY-LICENSES',
    ];
    expect(wanted.filter((path) => !files.includes(path))).toEqual([]);
    const known = /^(?:dist\/.*\.(?:js|d\.ts|css)|(?:bin|docs|examples)\/.*|[A-Z-]+(?:\.md)?|package\.json)$/;
    expect(files.filter((path) => !known.test(path))).toEqual([]);
  });

  it('takes at most 20 MB with everything that it needs', () => {
    const paths = filesIn(home).map((path) => join(home, path));
    expect(paths.reduce((sum, path) => sum + statSync(path).size, 0)).toBeLessThan(20e6);
  });

  it.each([
    ['S3', () => s3Place(seaweedfs)],
    ['Azure', () => azurePlace(azurite, {})],
  ] as const)('syncs once with %s', (_, place) => {
    expect(syncOnce(program, { storage: place() })).toMatch(/Opened LMDB/);
  });

  it('says its version, and syncs once', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(run(process.execPath, [program, 'version'])).toContain(version);
    expect(syncOnce(program)).toContain('Opened LMDB');
  });

  it('is a library', () => {
    const script = `import('lmdbstream').then((door) => process.stdout.write(typeof door.startSync))`;
    expect(run(process.execPath, ['-e', script], home)).toBe('function');
  });

  it('keeps databases in step in another program, whose types are checked', () => {
    const db = join(folder, 'library-db');
    mkdirSync(db);
    spawnSync('mdb_load', ['-s', 'data', '-T', db], { input: 'key\nvalue\n' });
    const lmdbs = { main: { path: db } };
    const bucket = join(folder, 'library-bucket');
    const config = writeConfig(folder, 'library', { lmdbs, bucket, more: { only_once: true, instance: 'one' } });
    const script = `import { loadConfig, startSync, type DatabaseStatus } from 'lmdbstream';
      const running = startSync({ config: loadConfig(${JSON.stringify(config)}) });
      await running.ended;
      const status: DatabaseStatus | undefined = running.status().get('main');
      console.log(status?.publishedObjects);`;
    writeFileSync(join(home, 'program.mts'), script);
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
    const how = ['--module', 'nodenext', '--target', 'es2022', '--strict', ...types];
    run(join(root, 'node_modules/.bin/tsc'), [...how, 'program.mts'], home);
    expect(run(process.execPath, ['program.mjs'], home)).toBe('1\n');
  });
});

describe('the program of .deb and .tar.gz', () => {
  const home = join(folder, 'app');
  const program = join(home, 'bin/lmdbstream.js');

  beforeAll(() => {
    run(process.execPath, ['scripts/package.mjs', '--no-build', '--app', home]);
  });

  it('syncs once with a folder', () => {
    expect(syncOnce(program)).toContain('Opened LMDB');
  });

  it.each([
    ['S3', () => s3Place(seaweedfs)],
    ['Azure', () => azurePlace(azurite, {})],
  ] as const)('syncs once with %s', (_, place) => {
    const said = syncOnce(program, { storage: place() });
    expect(said).toMatch(/Opened LMDB/);
    expect(said).not.toMatch(/"?level"?[=:]"?(?:warn|error)/);
  });

  it('has the library that asks Azure for a token', () => {
    const nowhere = 'https://127.0.0.1:1';
    const storage = { type: 'azure', options: { container: 'c', endpoint_url: `${nowhere}/account` } };
    const identity = { AZURE_TENANT_ID: 'tenant', AZURE_CLIENT_ID: 'client', AZURE_CLIENT_SECRET: 'secret' };
    const env = { ...identity, AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential', AZURE_AUTHORITY_HOST: nowhere };
    expect(() => syncOnce(program, { storage, env })).toThrow(/EnvironmentCredential/);
  });

  it('takes at most 10 MB, and has no source maps or types', () => {
    const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const sizes = files.map((entry) => statSync(join(entry.parentPath, entry.name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(10e6);
    expect(files.map(({ name }) => name).filter((name) => /\.map$|\.d\.ts$/.test(name))).toEqual([]);
  });

  it('has the licences of what is in it', () => {
    const text = readFileSync(join(home, 'THIRD-PARTY-LICENSES'), 'utf8');
    for (const name of ['koffi', '@azure/identity', '@aws-sdk/client-s3', 'commander', 'pino', 'uplot']) {
      expect(text).toMatch(new RegExp(`^${name} \\d[^\\n]*: \\S+\\n\\n`, 'm'));
    }
  });

  it('refuses an architecture that there is no Node for', () => {
    const refused = spawnSync(process.execPath, ['scripts/package.mjs', '--arch', 'vax'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(refused).toMatchObject({ status: 2, stderr: '--arch vax: choose from x64, arm64\n' });
  });
});

describe('licences', () => {
  it('are of the innermost package of a file', () => {
    const files = [
      'node_modules/@a/b/x.js',
      'node_modules/c/node_modules/d/y.js',
      'node_modules/@a/b/z.js',
      'dist/e.js',
    ];
    expect(packagesOf(files)).toEqual(['node_modules/@a/b', 'node_modules/c/node_modules/d']);
  });

  it('that nobody has read stop the build', () => {
    const unread = join('.tmp', `licence-${process.pid}`, 'node_modules/gpl');
    mkdirSync(join(root, unread), { recursive: true });
    try {
      writeFileSync(join(root, unread, 'package.json'), '{"name":"gpl","version":"1.0.0","license":"GPL-3.0"}');
      expect(() => licencesOf([`${unread}/index.js`])).toThrow('gpl 1.0.0 has the licence GPL-3.0');
    } finally {
      rmSync(join(root, '.tmp', `licence-${process.pid}`), { recursive: true });
    }
  });
});
