import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromCobraSpelling } from '../../src/cli/cobra-arguments.ts';
import { run, Workplace } from './harness.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('without a configuration', () => {
  it('prints the version', async () => {
    expect(await run(['version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '', exits: [] });
    for (const flag of ['-v', '--version']) {
      expect(await run([flag])).toMatchObject({ code: 0, stdout: `lmdbstream version ${version}\n`, stderr: '' });
    }
  });

  it('shows its help when no command is given, which is no mistake', async () => {
    const outcome = await run([]);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toMatch(/^Usage: lmdbstream /);
    expect((await run(['--help'])).stdout).toBe(outcome.stdout);
    expect((await run(['help'])).stdout).toBe(outcome.stdout);
  });

  it('shows the help of a command, with the global flags', async () => {
    const outcome = await run(['help', 'snapshots', 'list']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toMatch(/^Usage: lmdbstream snapshots list /);
    expect(outcome.stdout).toContain('--prefix <text>');
    expect(outcome.stdout).toContain('--log-format <format>');
    expect((await run(['snapshots', 'list', '-h'])).stdout).toBe(outcome.stdout);
    expect(await run(['snapshots'])).toMatchObject({ code: 0, stderr: '' });
    expect(await run(['help', 'nothing'])).toMatchObject({ code: 2, stdout: '' });
  });

  it.each([
    [['snyc'], "Error: unknown command 'snyc'\nHint: Did you mean sync?\n"],
    [['snapshots', 'lsit'], "Error: unknown command 'lsit'\nHint: Did you mean list?\n"],
    [['sync', '--only-onec'], "Error: unknown option '--only-onec'\nHint: Did you mean --only-once?\n"],
    [['snapshots', 'get'], "Error: missing required argument 'name'\nHint: see lmdbstream --help\n"],
  ])('%j is a mistake, told in two lines', async (argv, stderr) => {
    expect(await run(argv)).toEqual({ code: 2, stdout: '', stderr, exits: [] });
  });

  it.each([
    ['--timeout', '3'],
    ['--minimum-pid', 'many'],
    ['--minimum-pid', '-1'],
  ])('refuses %s %s', async (flag, value) => {
    const outcome = await run([flag, value, 'stats']);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(flag);
  });

  it.each([
    ['migrate-timestamps', '--database'],
    ['pdns-v5-fix-duplicate-domains', '--database'],
  ])('tells which flag experimental %s needs', async (name, flag) => {
    const outcome = await run(['experimental', name]);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain(flag);
  });

  it('names the file when there is no configuration', async () => {
    const outcome = await run(['stats', '-c', '/nonexistent/x.yaml']);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/^Error: .*\/nonexistent\/x\.yaml.*\nHint: .*--config/);
  });

  it.each([
    ['a folder', '.', /EISDIR.*\nHint: it is a folder: .*--config/],
    ['no file at all', 'nowhere.yaml', /ENOENT.*\nHint: name the file with --config/],
  ])('says what is wrong with a configuration that is %s', async (_what, name, message) => {
    const place = new Workplace();
    try {
      const outcome = await run(['stats', '-c', join(place.folder, name)]);
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr).toContain(`Error: ${join(place.folder, name)}: cannot read the configuration`);
      expect(outcome.stderr).toMatch(message);
    } finally {
      place.remove();
    }
  });

  it('tells all mistakes of a configuration', async () => {
    const place = new Workplace(['main'], 'workers: -1\nlog: { level: loud }\nlmbd_poll_interval: 1s\n');
    try {
      const { code, stderr } = await place.run(['stats']);
      expect(code).toBe(1);
      expect(stderr.match(/^Error: .*?config\.yaml:\d+: [a-z_.]+/gm)?.map((line) => line.split(': ').at(-1))).toEqual([
        'log.level',
        'lmbd_poll_interval',
      ]);
      expect(stderr).toContain('"loud"');
    } finally {
      place.remove();
    }
  });

  it('speaks of publishing where it publishes', async () => {
    expect((await run(['sync', '--help'])).stdout).toMatch(/--only-once .*publish/);
    expect((await run(['receive', '--help'])).stdout).not.toContain('publish');
  });

  it('has every command and flag in docs/commands.md', async () => {
    const page = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');
    const { stdout } = await run(['docs']);
    const commands = [...stdout.matchAll(/^ {4}lmdbstream (.*?)(?: \[flags\])?$/gm)].map((match) => match[1]!);
    const flags = [...stdout.matchAll(/--[a-z-]+/g)].map(([flag]) => flag);
    expect(commands).toContain('snapshots get <name>');
    expect(flags).toContain('--accept-stale');
    const words = [...commands.map((command) => command.replace(/ [<[].*/, '')), ...flags];
    expect(words.filter((word) => !page.includes(word))).toEqual([]);
  });

  it('prints the reference of all commands', async () => {
    const { code, stdout } = await run(['docs']);
    expect(code).toBe(0);
    for (const heading of ['## lmdbstream sync', '### lmdbstream snapshots dump', '## Global flags']) {
      expect(stdout).toContain(`\n${heading}\n`);
    }
    expect(stdout).toContain('| `-H, --hide` |');
    expect(stdout).toContain('    lmdbstream snapshots put <file> [flags]');
    expect(stdout).not.toMatch(/undefined|\[object/);
  });
});

describe('completion', () => {
  const complete = (script: string, words: readonly string[]): string[] => {
    const list = ['lmdbstream', ...words].map((word) => `'${word}'`).join(' ');
    const call = `COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _lmdbstream; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', `${script}\n${call}`], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
  };

  it('completes commands and flags in bash', async () => {
    const { code, stdout } = await run(['completion', 'bash']);
    expect(code).toBe(0);
    expect(complete(stdout, ['sn'])).toEqual(['snapshots']);
    expect(complete(stdout, ['snapshots', ''])).toEqual(
      expect.arrayContaining(['list', 'dump', 'get', 'put', 'remove']),
    );
    expect(complete(stdout, ['-c', 'a.yaml', 'snapshots', 'put', '--fo'])).toEqual(['--force']);
    expect(complete(stdout, ['sync', '--only-'])).toEqual(['--only-db', '--only-once']);
    expect(complete(stdout, ['dump', '--log-f'])).toEqual(['--log-format']);
    expect(complete(stdout, ['completion', ''])).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  });

  it('knows zsh and fish, and refuses others', async () => {
    expect((await run(['completion', 'zsh'])).stdout).toMatch(/^#compdef lmdbstream\n/);
    const fish = (await run(['completion', 'fish'])).stdout;
    expect(fish).toContain('-f -a snapshots -d ');
    expect(fish).toContain(
      "complete -c lmdbstream -n '__fish_seen_subcommand_from snapshots; and __fish_seen_subcommand_from list' -l prefix -s p -r -d ",
    );
    expect((await run(['completion', 'powershell'])).code).toBe(2);
  });
});

describe('spellings of the reference', () => {
  const program = new Command('p').option('-c, --config <file>').option('--debug');
  program.command('sync').option('--only-once').option('-l, --long');

  it.each([
    [
      ['sync', '--only-once=true'],
      ['sync', '--only-once'],
    ],
    [
      ['sync', '--only-once=F', '--debug=1'],
      ['sync', '--debug'],
    ],
    [
      ['-c=x=y', 'sync'],
      ['-c', 'x=y', 'sync'],
    ],
    [
      ['--config=x', 'sync', '-l=true'],
      ['--config=x', 'sync', '-l'],
    ],
    [['--debug=maybe'], ['--debug=maybe']],
    [
      ['sync', '--', '--debug=true'],
      ['sync', '--', '--debug=true'],
    ],
    [['--other=1'], ['--other=1']],
  ])('%j is %j', (argv, respelled) => expect(fromCobraSpelling(argv, program)).toEqual(respelled));
});

describe('global flags', () => {
  let place: Workplace;
  beforeEach(() => {
    place = new Workplace();
    place.fill('main', (transaction) => void transaction.openOrCreateDbi('data', 0));
  });
  afterEach(() => place.remove());

  it('stand before or after the command', async () => {
    const before = await run(['-c', place.config, '--debug', 'snapshots', 'list']);
    const after = await run(['snapshots', 'list', '--debug', `--config=${place.config}`]);
    expect(before).toMatchObject({ code: 0 });
    expect(before.stderr).toContain('level=debug');
    expect(after).toEqual(before);
  });

  it('print the configuration to the log without its secrets', async () => {
    const config = place.file(
      's3.yaml',
      `lmdbs: { main: { path: ${place.lmdbPath('main')} } }\nstorage: { type: s3, options: { bucket: b, access_key: a, secret_key: PLANTEDSECRET2 } }\n`,
    );
    const outcome = await run(['-c', config, '--log-config', '-i', 'elsewhere', 'stats']);
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toContain('effective configuration');
    expect(outcome.stderr).toContain('elsewhere');
    expect(outcome.stderr).not.toContain('PLANTEDSECRET');
    expect(outcome.stdout).not.toContain('effective');
  });

  it('print the configuration as YAML for a person, in one line for a program, and only at level info', async () => {
    const logOf = async (...flags: string[]) => (await place.run(['--log-config', 'stats', ...flags])).stderr;
    const [first, ...yaml] = (await logOf()).split('\n');
    expect(first).toMatch(/effective configuration:/);
    expect(yaml).toEqual(expect.arrayContaining(['lmdbs:', '  main:', `    path: "${place.lmdbPath('main')}"`]));
    for (const format of ['logfmt', 'json']) expect(await logOf('--log-format', format)).toMatch(/^.*path.*\n$/);
    expect(await logOf('--log-level', 'warning')).toBe('');
  });

  it('refuse a value the configuration would refuse', async () => {
    const outcome = await place.run(['stats', '--log-level', 'loud']);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('--log-level');
  });

  it('keep a log of JSON one, errors included', async () => {
    const outcome = await place.run(['snapshots', 'get', 'nothing', '--log-format', 'json']);
    expect(outcome.code).toBe(1);
    const lines = outcome.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ level: 'error', code: 'STORAGE_NOT_FOUND' });
  });

  it('restart under a higher process id, whose exit code is ours', async () => {
    let burned = 0;
    const outcome = await place.run(['--minimum-pid', '10', 'stats'], {
      pid: 1,
      burnPid: () => void burned++,
      restart: async () => 7,
    });
    expect(outcome).toMatchObject({ code: 7, stdout: '' });
    expect(burned).toBe(9);
  });

  it('show the stack of an unexpected error with --debug only', async () => {
    const runSync = async (): Promise<never> => {
      throw new TypeError('broken\npromise');
    };
    expect((await place.run(['sync'], { runSync })).stderr).toMatch(/Error: broken promise\n$/);
    expect((await place.run(['sync', '--debug'], { runSync })).stderr).toContain('main.test.ts');
  });
});
