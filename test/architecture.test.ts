import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The stations of `docs/architecture.md`, top to bottom; a folder may import only from folders after it. */
const LAYERS = [
  'cli',
  'server',
  'migrate',
  'inspect',
  'sync',
  'powerdns',
  'shadow',
  'merge',
  'snapshot',
  'storage',
  'btree',
  'lmdb',
  'config',
  'log',
  'errors',
] as const;

const root = resolve(import.meta.dirname, '..');
const src = join(root, 'src');

function filesBelow(folder: string, end: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(end))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) =>
    resolve(dirname(file), match[1]!),
  );
}

const layerOf = (file: string): string => relative(src, file).split(sep)[0]!;

describe('the way of the data', () => {
  const sources = filesBelow(src, '.ts');

  it('has no folder that docs/architecture.md does not name', () => {
    const folders = readdirSync(src).filter((name) => statSync(join(src, name)).isDirectory());
    expect(folders.filter((folder) => !LAYERS.includes(folder as (typeof LAYERS)[number]))).toEqual([]);
  });

  it('imports go down the list only, and through the one door of a folder', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const from = layerOf(file);
      for (const target of importsOf(file)) {
        const to = layerOf(target);
        if (from === 'index.ts' || to === from) continue;
        const line = `${relative(root, file)} imports ${relative(root, target)}`;
        if (LAYERS.indexOf(to as never) <= LAYERS.indexOf(from as never)) wrong.push(`${line}: upwards`);
        else if (relative(join(src, to), target) !== 'index.ts') wrong.push(`${line}: past the door`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('style', () => {
  const checked = [
    ...filesBelow(src, '.ts'),
    ...filesBelow(join(root, 'test'), '.ts'),
    ...filesBelow(join(root, 'bench'), '.ts'),
  ];

  it('a file is read in one sitting: at most 350 lines', () => {
    const long = checked
      .map((file) => ({ file: relative(root, file), lines: readFileSync(file, 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > 350);
    expect(long).toEqual([]);
  });

  it('nothing is left open', () => {
    const marks = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X|\\.(?:only|todo|skip)\\('].join(''));
    const left = checked
      .filter((file) => !file.endsWith('architecture.test.ts'))
      .filter((file) => marks.test(readFileSync(file, 'utf8')))
      .map((file) => relative(root, file));
    expect(left).toEqual([]);
  });

  it('every source file is reached from a door or an entry point', () => {
    const entries = [
      'index.ts',
      'cli/main.ts',
      'sync/process/worker.ts',
      'server/browser/page.ts',
      'server/browser/css.d.ts',
    ].map((file) => join(src, file));
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const target of importsOf(file)) visit(target);
    };
    for (const file of filesBelow(src, 'index.ts')) visit(file);
    for (const entry of entries) if (sources(entry)) visit(entry);
    const dead = filesBelow(src, '.ts').filter((file) => !reached.has(file));
    expect(dead.map((file) => relative(root, file))).toEqual([]);
  });

  function sources(file: string): boolean {
    return filesBelow(src, '.ts').includes(file);
  }
});
