import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bare, Layout } from './bare.ts';
import type { ChangesInput, ChangesResult } from './inside/changes.ts';
import type { MergeInput, MergeResult } from './inside/merge.ts';
import type { Workplace } from './workplace.ts';

const run = promisify(execFile);

async function inside<Input, Result>(what: string, input: Input): Promise<Result> {
  const entry = join(import.meta.dirname, 'inside', 'main.js');
  const { stdout } = await run(process.execPath, [entry, what, JSON.stringify(input)]);
  return JSON.parse(stdout) as Result;
}

export interface Changes extends ChangesResult {
  readonly count: number;
  readonly layout: Layout;
}

/** Single changes of a database of this size, noticed and recorded by the tracker. */
export async function measureChanges(
  bare: Bare,
  place: Workplace,
  count: number,
  layout: Layout,
  rounds: number,
): Promise<Changes> {
  const path = place.fresh();
  try {
    bare.fill(path, count, layout);
    const input: ChangesInput = { path, layout, count, rounds, folder: place.folder };
    return { ...(await changesOf(input)), count, layout };
  } finally {
    place.clear(path);
  }
}

export function changesOf(input: ChangesInput): Promise<ChangesResult> {
  return inside<ChangesInput, ChangesResult>('changes', input);
}

/** A remote snapshot of this size in which `differing` entries are newer. */
export async function measureMerge(
  bare: Bare,
  place: Workplace,
  count: number,
  differing: number,
  runs: number,
): Promise<MergeResult> {
  const [path, joinPath] = [place.fresh(), place.fresh()];
  try {
    bare.fill(path, count, 'plain');
    const input: MergeInput = { path, joinPath, count, differing, runs, folder: place.folder };
    return await inside<MergeInput, MergeResult>('merge', input);
  } finally {
    place.clear(path, joinPath);
  }
}
