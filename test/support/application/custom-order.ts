import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface CustomOrderRun {
  /** What is ordered by number: keys (`mdb_set_compare`), or the duplicates of one key (`mdb_set_dupsort`). */
  readonly kind: 'keys' | 'duplicates';
  readonly what: 'put' | 'count';
  readonly from: number;
  readonly to: number;
  /** Goes before each value: a header, in native mode. */
  readonly prefix?: Buffer;
}

/** One transaction of an application with an order of its own, in a process of its own, on the DBI `data`. @returns how many it found */
export function customOrder(folder: string, { kind, what, from, to, prefix }: CustomOrderRun): number {
  const script = join(import.meta.dirname, 'custom_order.py');
  const args = [script, folder, kind, what, String(from), String(to), ...(prefix ? [prefix.toString('hex')] : [])];
  return Number(execFileSync('/usr/bin/python3', args, { encoding: 'utf8' }));
}
