import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** A start is as fast as what it loads is small: durations differ from machine to machine, the modules do not. */

const src = resolve(import.meta.dirname, '../../src');

/** Packages and files that are loaded with a file, by imports that are not types and not made on demand. */
function loadedWith(file: string): { packages: Set<string>; files: Set<string> } {
  const packages = new Set<string>();
  const files = new Set<string>();
  const visit = (path: string): void => {
    if (files.has(path)) return;
    files.add(path);
    const text = readFileSync(path, 'utf8').replace(/^(?:import|export) type .*?;$/gms, '');
    for (const [, target = ''] of text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gms)) {
      if (target.startsWith('.')) visit(resolve(dirname(path), target));
      else if (!target.startsWith('node:')) packages.add(target);
    }
  };
  visit(join(src, file));
  return { packages, files };
}

describe('a start', () => {
  it('of the command line loads the parser of its words, and nothing that a command works with', () => {
    const { packages, files } = loadedWith('cli/main.ts');
    expect([...packages]).toEqual(['commander']);
    const folders = new Set([...files].map((file) => file.slice(src.length + 1).split('/')[0]));
    expect([...folders].sort()).toEqual(['cli', 'errors']);
  });

  it('of a worker loads no parser of configurations and no library of a bucket', () => {
    expect([...loadedWith('sync/process/thread.ts').packages].sort()).toEqual(['koffi', 'pino']);
  });

  it('of the program loads what the sources say', () => {
    const main = resolve(src, '../dist/cli/main.js');
    if (!existsSync(main)) throw new Error('dist is missing: npx tsc -p tsconfig.build.json');
    const script = `await import(${JSON.stringify(main)});
      const loaded = process.report.getReport().sharedObjects.filter((path) => path.includes('koffi'));
      process.stdout.write(String(loaded.length));`;
    expect(spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout).toBe('0');
  });
});
