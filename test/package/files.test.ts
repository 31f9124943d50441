import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/index.ts';
import { temporaryFolder } from '../support/temporary.ts';

const root = resolve(import.meta.dirname, '../..');
/** Scripts are JavaScript, checked by a configuration of their own. */
const { manPage } = (await import(join(root, 'scripts/package/man-page.mjs'))) as {
  manPage(markdown: string, frame: { head: string; tail: string; version: string; seconds: number }): string;
};
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('the systemd unit', () => {
  const unit = textOf('packaging/systemd/lmdbstream.service');
  const settings = new Map([...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key!, value!]));

  it('waits for what the program tells, and runs what the package installs', () => {
    expect(settings.get('Type')).toBe('notify');
    expect(Number(settings.get('WatchdogSec'))).toBeGreaterThan(0);
    expect(settings.get('ExecStart')).toBe('/usr/bin/lmdbstream --config /etc/lmdbstream/lightningstream.yaml sync');
    expect(settings.get('ProtectSystem')).toBe('strict');
    expect(settings.has('MemoryDenyWriteExecute')).toBe(false);
  });

  const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
  it.skipIf(!hasAnalyze)('is known to systemd, and rated as little exposed (skipped without systemd-analyze)', () => {
    const file = join(root, 'packaging/systemd/lmdbstream.service');
    const verify = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    const complaints = verify.stderr.split('\n').filter((line) => line.includes('lmdbstream.service'));
    // Where the package is not installed.
    expect(complaints.filter((line) => !line.includes('/usr/bin/lmdbstream is not executable'))).toEqual([]);
    const rate = ['security', '--offline=true', '--threshold=25', '--no-pager', file];
    expect(spawnSync('systemd-analyze', rate, { encoding: 'utf8' }).status).toBe(0);
  });
});

describe('the scripts of the .deb', () => {
  it.each(['postinst', 'prerm', 'postrm'])('%s is a shell script that stops at an error, and makes no user', (name) => {
    const file = join(root, 'packaging/debian', name);
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^#!\/bin\/sh\n/);
    expect(text).toMatch(/^set -e$/m);
    expect(text).not.toMatch(/adduser|useradd|systemctl (?:enable|start)/);
    expect(spawnSync('sh', ['-n', file]).status).toBe(0);
    expect(statSync(file).mode & 0o111).not.toBe(0);
  });
});

describe('the example configuration', () => {
  it('is accepted without a warning', () => {
    const env = { S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 's' };
    const config = parseConfig(textOf('packaging/lightningstream.yaml.example'), { env, hostname: () => 'h' });
    expect(config.warnings).toEqual([]);
  });
});

describe('the Dockerfile', () => {
  const lines = textOf('packaging/Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const words = lines.map((line) => line.split(/\s+/));

  it('has instructions that there are, and begins with FROM', () => {
    const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'HEALTHCHECK', 'STOPSIGNAL', 'ENTRYPOINT', 'CMD'];
    expect(words.map(([name]) => name).filter((name) => !known.includes(name!))).toEqual([]);
    expect(words[0]![0]).toBe('FROM');
  });

  it('copies files that exist, and that .dockerignore lets through', () => {
    const allowed = [...textOf('packaging/Dockerfile.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path]) => path!);
    const copied = words
      .filter(([name, flag]) => name === 'COPY' && !flag!.startsWith('--from'))
      .flatMap((line) => line.slice(1, -1));
    expect(copied.length).toBeGreaterThan(5);
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(copied.filter((path) => !allowed.includes(path.split('/')[0]!))).toEqual([]);
  });

  it('takes the Node of the packages, runs as nobody special, asks /livez, and has commands that parse', () => {
    const version = /@(.*)$/.exec(JSON.parse(textOf('packaging/runtime.json')).x64.node)![1];
    expect(lines[0]).toBe(`FROM node:${version}-bookworm-slim AS build`);
    expect(words.find(([name]) => name === 'USER')![1]).not.toBe('root');
    expect(lines.join('\n')).toContain('/livez');
    const arrays = lines.flatMap((line) => /^(?:ENTRYPOINT|CMD|HEALTHCHECK .*?CMD) (\[.*\])$/.exec(line)?.[1] ?? []);
    expect(arrays.map((text) => JSON.parse(text)).every((array) => Array.isArray(array))).toBe(true);
    expect(arrays.length).toBe(3);
  });
});

describe('the manual page', () => {
  const markdown = spawnSync(process.execPath, [join(root, 'bin/lmdbstream.js'), 'docs'], { encoding: 'utf8' }).stdout;
  const page = manPage(markdown, {
    head: textOf('packaging/lmdbstream.1.head'),
    tail: textOf('packaging/lmdbstream.1.tail'),
    version: '1.2.3',
    seconds: 0,
  });

  it('has every command and every flag of the program', () => {
    const plain = page.replaceAll('\\-', '-');
    const headings = [...markdown.matchAll(/^##+ (.*)$/gm)].map(([, text]) => text!);
    const flags = [...markdown.matchAll(/^\| `(.*?)` \|/gm)].map(([, text]) => text!);
    expect(headings.length).toBeGreaterThan(8);
    expect(headings.filter((text) => !plain.includes(`.SS ${text}\n`))).toEqual([]);
    expect(flags.filter((text) => !plain.includes(`\\fB${text}\\fR`))).toEqual([]);
    expect(page).toContain('.TH LMDBSTREAM 1 "1970-01-01" "lmdbstream 1.2.3"');
  });

  it('escapes what roff would take for its own', () => {
    const frame = { head: '', tail: '', version: '1', seconds: 0 };
    const made = manPage("# x\n\n.hidden\n\n'quoted\n\na\\b -c\n", frame);
    expect(made).toContain("\\&.hidden\n.PP\n\\&'quoted\n.PP\na\\eb \\-c");
  });

  const hasMan = spawnSync('man', ['--version']).status === 0;
  it.skipIf(!hasMan)('is shown without a warning (skipped where man is not installed)', () => {
    const file = join(temporaryFolder(), 'lmdbstream.1');
    writeFileSync(file, page);
    const env = { ...process.env, LC_ALL: 'C.UTF-8', MANROFFSEQ: '', MANWIDTH: '100' };
    const { status, stderr } = spawnSync('man', ['--warnings', '-l', file], { encoding: 'utf8', env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
