import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureDeltas } from './all-deltas.ts';
import { Bare } from './bare.ts';
import { figuresOf, type Measured } from './figures.ts';
import { machineLines } from './machine.ts';
import { measureChanges, measureMerge } from './parts.ts';
import { benchPdns } from './pdns.ts';
import { markdown, plainText, table } from './report.ts';
import { measureSidecar } from './sidecar.ts';
import { sidecarFigures, sidecarTable } from './sidecar-figures.ts';
import { tablesOf } from './tables.ts';
import { measureLargeWaits, measureWaits } from './waits.ts';
import { measurePeaks, measureWhole } from './whole.ts';
import { Workplace } from './workplace.ts';

const root = resolve(import.meta.dirname, '..', '..', '..');

const USAGE = `usage: npm run bench -- [--quick] [--python] [--folder DIR] [--no-build]

  --quick       up to 100 k records, a minute; docs/performance.md is left alone
  --python      do the bare work with python3-lmdb even where there is a C compiler
  --folder DIR  where the databases go, on a real disk (default: ${tmpdir()})
  --pdns        only how soon two PowerDNS servers see each other's changes: docs/powerdns.md
  --sidecar     only what a sidecar costs: the table of docs/shadow.md, which --quick leaves alone
  --start       only how long the installed program takes to start: docs/packages.md
  --no-build    measure what was built last`;

const SIDECAR_MARKS = /(<!-- Made by `npm run bench -- --sidecar`\. -->\n\n)[\s\S]*?(\n\n<!-- End\. -->)/;
const SMALL = 1000;
const DIFFERING = 10;

/** @returns the exit code: 0 also when a target is missed, for a bench is no test */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      pdns: { type: 'boolean', default: false },
      sidecar: { type: 'boolean', default: false },
      python: { type: 'boolean', default: false },
      folder: { type: 'string', default: tmpdir() },
      'no-build': { type: 'boolean' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const place = new Workplace(values.folder);
  try {
    if (values.pdns) {
      await benchPdns(place);
      return 0;
    }
    const bare = Bare.build(place.folder, values.python);
    if (values.sidecar) {
      await benchSidecar(bare, place, values.quick);
      return 0;
    }
    const measured = await measure(bare, place, values.quick);
    const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
    const machine = machineLines(place.folder, bare.description);
    const report = { machine, figures: figuresOf(measured), tables: tablesOf(measured), command };
    console.log(plainText(report));
    if (!values.quick) writeFileSync(join(root, 'docs', 'performance.md'), markdown(report));
    return 0;
  } finally {
    place.remove();
  }
}

async function benchSidecar(bare: Bare, place: Workplace, isQuick: boolean): Promise<void> {
  tell('a sidecar');
  const result = await measureSidecar(bare, place, isQuick ? 100_000 : 1_000_000);
  const machine = machineLines(place.folder, bare.description);
  console.log(plainText({ machine, figures: sidecarFigures(result), tables: [sidecarTable(result)], command: '' }));
  if (isQuick) return;
  const page = join(root, 'docs', 'shadow.md');
  const { head, rows } = sidecarTable(result);
  const text = readFileSync(page, 'utf8').replace(SIDECAR_MARKS, (_, begin, end) => begin + table(head, rows) + end);
  writeFileSync(page, text);
}

async function measure(bare: Bare, place: Workplace, isQuick: boolean): Promise<Measured> {
  const large = isQuick ? 100_000 : 1_000_000;
  const rounds = 300;
  const changes = async (count: number, layout: 'plain' | 'native' | 'dup') => {
    tell(`single changes, ${count} records, ${layout}`);
    return measureChanges(bare, place, count, layout, rounds);
  };
  const whole = [];
  for (const [count, runs] of isQuick
    ? ([
        [SMALL, 3],
        [large, 3],
      ] as const)
    : ([
        [SMALL, 5],
        [100_000, 5],
        [large, 3],
      ] as const)) {
    tell(`the whole product, ${count} records, ${runs} runs`);
    whole.push(await measureWhole(bare, place, count, runs, 3));
  }
  const growth = [];
  for (const count of [SMALL, 10_000, 100_000, ...(isQuick ? [] : [large, 4_000_000])])
    growth.push(await changes(count, 'plain'));
  const native = [await changes(SMALL, 'native'), await changes(large, 'native')] as const;
  const duplicates = [await changes(SMALL, 'dup'), await changes(100_000, 'dup')] as const;
  tell('waits for the write lock');
  const waits = await measureWaits(bare, place, large, 300);
  const largeWaits = await measureLargeWaits(bare, place, large, 3);
  const larger = 4 * large;
  tell(`memory, ${larger} records`);
  const peaks = await measurePeaks(bare, place, larger);
  tell('changes to a peer: folder, burst, SeaweedFS');
  const deltas = await measureDeltas(bare, place, SMALL, large, whole.at(-1)!.objectKb * 1024);
  tell('a sidecar');
  const sidecar = await measureSidecar(bare, place, large);
  tell('a remote snapshot');
  const merge = await measureMerge(bare, place, large, DIFFERING, 5);
  return {
    ...{ large, whole, growth, native, duplicates, waits, largeWaits, peaks, deltas, sidecar },
    ...{ merge, differing: DIFFERING },
  };
}

/** Progress, on stderr so that the report can be redirected. */
function tell(what: string): void {
  console.error(`… ${what}`);
}
