import type { WriteTransaction } from '../../lmdb/index.ts';
import { type DatabaseView, keepValues, markDetached, type Snapshotted, type WritePlan } from '../../shadow/index.ts';
import type { Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import type { Held } from './held.ts';
import type { BesideView, LockedWriter } from './rebase.ts';
import type { Sidecar } from './sidecar.ts';
import { SliceTime } from './slice-time.ts';
import type { TrackerOptions } from './tracker-options.ts';
import { writeWinners } from './write-winners.ts';
import type { Writes } from './writes.ts';

export interface KeepOptions {
  readonly clock: Clock;
  readonly report: Report;
  readonly lockMaxMs: number;
}

/**
 * Puts the values of a DBI that the application has dropped in the place of their digests, in slices. A kill in between leaves digests, whose
 * values are looked for in the bucket (`SidecarMemory`).
 * @param before a view in which the application has the DBI; undefined: what is not kept already is forgotten
 */
export function keepValuesOf(
  sidecar: Sidecar,
  dbi: string,
  before: DatabaseView | undefined,
  { clock, report, lockMaxMs }: KeepOptions,
): void {
  const time = new SliceTime(clock, lockMaxMs);
  let after: Buffer | undefined;
  let forgotten = 0;
  do {
    const kept = sidecar.write(
      (transaction) => {
        time.begin();
        return keepValues(transaction, dbi, before, after, () => time.isUp);
      },
      () => ({}),
    );
    time.written();
    forgotten += kept.forgotten;
    after = kept.lastKey;
  } while (after);
  if (forgotten > 0) report({ type: 'valuesForgotten', dbi, entries: forgotten });
}

/**
 * Local changes that are seen under the lock, and go to a sidecar. Values of a DBI that was dropped just before are kept at once.
 * @param before in which the application has what it has dropped since
 */
export function seenBeside({ view }: Snapshotted, before: Held, { schema, report }: TrackerOptions): BesideView {
  const keep = (transaction: WriteTransaction, dbi: string): void => {
    const { forgotten } = keepValues(transaction, dbi, before.view, undefined, () => false);
    if (forgotten > 0) report({ type: 'valuesForgotten', dbi, entries: forgotten });
  };
  return { main: undefined, txnId: view.txnId, view, keep: schema.droppedDbis === 'keep' ? keep : undefined };
}

/** What DBIs that the application has made again get back from a sidecar. Until that is done they count as dropped. */
export function refill(
  tracker: LockedWriter,
  plan: WritePlan,
  writes: Writes,
  { clock, lockMaxMs }: TrackerOptions,
): void {
  const options = { native: false, extraBlocks: 0, onlyBack: true };
  writeWinners(tracker, plan, options, new SliceTime(clock, lockMaxMs), () => {});
  const marks = new Map([...plan.refills].map((name) => [name, 0] as const));
  writes.entries((transaction) => markDetached(transaction, marks, () => true));
}
