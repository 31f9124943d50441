import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Paths in the tarball. Without scripts: the build would take away what other tests are running. */
function packed(): string[] {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 50_000,
  });
  const [tarball] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  return tarball.files.map(({ path }) => path);
}

describe('what is published', () => {
  const files = packed();

  it('has the program, the library with its types, the pages and the examples', () => {
    const wanted = [
      'bin/lmdbstream.js',
      'dist/cli/main.js',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/sync/process/worker.js',
      'docs/getting-started.md',
      'examples/pdns.yaml',
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
    ];
    expect(wanted.filter((path) => !files.includes(path))).toEqual([]);
  });

  it('has nothing else: no sources, no maps that point to them, no tests', () => {
    const known = /^(?:bin|dist|docs|examples)\/|^(?:CHANGELOG|README)\.md$|^LICENSE$|^package\.json$/;
    expect(files.filter((path) => !known.test(path))).toEqual([]);
    const compiled = files.filter((path) => path.startsWith('dist/'));
    expect(compiled.filter((path) => !/\.js$|\.d\.ts$|^dist\/server\/assets\/page\.css$/.test(path))).toEqual([]);
    const program = readFileSync(join(root, 'dist/cli/main.js'), 'utf8');
    expect(program).not.toContain('sourceMappingURL');
  });
});
