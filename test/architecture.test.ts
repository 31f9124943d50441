import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The stations of `docs/architecture.md`, top to bottom; a folder may import only from folders after it. */
const LAYERS = [
  'cli',
  'server',
  'events',
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
  'paths',
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

/** Files that may touch the machine's time, timers, file watches and name; every other part of sync/ gets them as ports. */
const SHELL = [
  'sync/time/system-clock.ts',
  'sync/local/data-file.ts',
  'sync/database/system-ports.ts',
  'sync/process/run.ts',
  'sync/process/blocked-workers.ts',
  'sync/process/first-file.ts',
  'sync/process/wait-for-file.ts',
];

/** The rooms of sync/, top to bottom. */
const ROOMS = ['process', 'database', 'publish', 'remote', 'chain', 'local', 'sweep', 'clean', 'status', 'time'];

describe('sync/', () => {
  const sources = filesBelow(join(src, 'sync'), '.ts');

  it('touches the machine’s time, timers, files and name in its shell only', () => {
    const machine =
      /\b(?:setTimeout|setInterval|setImmediate|hostname\()|\b(?:Date\.now|performance\.now|Atomics\.wait|fs\.watch|statSync)\b|from 'node:(?:fs|os|timers|perf_hooks)|Math\.random/;
    const touching = sources
      .filter((file) => machine.test(withoutComments(readFileSync(file, 'utf8'))))
      .map((file) => relative(src, file));
    expect(touching.filter((file) => !SHELL.includes(file))).toEqual([]);
  });

  it('each room has one door, and imports go down the list of docs/architecture.md only', () => {
    const room = (file: string): string => relative(join(src, 'sync'), dirname(file)).split(sep)[0]!;
    const wrong: string[] = [];
    for (const file of sources) {
      for (const target of importsOf(file)) {
        if (layerOf(target) !== 'sync' || room(target) === room(file)) continue;
        const isUpwards = ROOMS.indexOf(room(target)) <= ROOMS.indexOf(room(file));
        if ((room(file) !== '' && isUpwards) || !target.endsWith(`${sep}index.ts`))
          wrong.push(`${relative(src, file)} imports ${relative(src, target)}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('modules', () => {
  const sources = filesBelow(src, '.ts');

  it('have no import cycle, in a folder or between folders', () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) cycles.push([...path.slice(at), file].map((one) => relative(src, one)).join(' → '));
      if (at >= 0 || done.has(file)) return;
      for (const target of importsOf(file)) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of sources) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('open an LMDB through openWhole only, which refuses a file that liblmdb would die of', () => {
    const opening = sources.filter((file) => withoutComments(readFileSync(file, 'utf8')).includes('Environment.open('));
    expect(opening.map((file) => relative(src, file))).toEqual(['btree/open-whole.ts']);
  });

  it('export nothing that nobody imports', () => {
    const all = [...sources, ...filesBelow(join(root, 'test'), '.ts'), ...filesBelow(join(root, 'bench'), '.ts')];
    const texts = new Map(all.map((file) => [file, readFileSync(file, 'utf8')]));
    const unused: string[] = [];
    for (const file of sources) {
      if (file === join(src, 'index.ts')) continue;
      for (const name of exportsOf(texts.get(file)!)) {
        const word = new RegExp(`\\b${name}\\b`);
        const isUsed = all.some((other) => other !== file && word.test(texts.get(other)!));
        if (!isUsed) unused.push(`${relative(src, file)}: ${name}`);
      }
    }
    expect(unused).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

/** Values that a module declares and exports; not those that a door passes on, nor types, which signatures need. */
function exportsOf(text: string): string[] {
  const declared = /^export (?:async )?(?:function\*?|class|const) (\w+)/gm;
  return [...text.matchAll(declared)].map((match) => match[1]!);
}

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
