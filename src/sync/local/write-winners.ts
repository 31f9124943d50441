import { PlanWriter, type PostponedEmpty, type WritePlan } from '../../shadow/index.ts';
import type { LockedWriter } from './rebase.ts';
import type { SliceTime } from './slice-time.ts';
import { type PlanPosition, positionOf, TouchedAhead } from './touched-ahead.ts';

/** The clock is looked at once in so many puts. */
const LOCK_CHECK_EVERY = 64;

export interface WinnersOptions {
  readonly native: boolean;
  readonly extraBlocks: number;
  /**
   * The plan is one of local changes, which are recorded: only what a DBI that was made again gets back from a sidecar is left. What the
   * application has touched since is its own.
   */
  readonly onlyBack?: boolean;
}

/**
 * Writes the winners of an object in slices. A key that the application changed after the plan was made is decided again by what is
 * stored, in whichever slice its turn comes.
 *
 * @param time without a bound all of it is one transaction
 * @param onWritten told between two slices how many are written
 */
export function writeWinners(
  tracker: LockedWriter,
  plan: WritePlan,
  { native, extraBlocks, onlyBack = false }: WinnersOptions,
  time: SliceTime,
  onWritten: (count: number) => void,
): void {
  const records = plan.reader();
  const postponed: PostponedEmpty[] = [];
  const touched = new TouchedAhead(plan, native);
  let recheckAll = false;
  let written = 0;
  let reached: PlanPosition | undefined;
  for (let first = true; first || reached; first = false) {
    if (reached) {
      touched.moveTo(reached);
      onWritten(written);
      time.rest();
    }
    const start = records.position;
    const postponedBefore = postponed.length;
    const writtenBefore = written;
    reached = tracker.write((transaction, rebase) => {
      time.begin();
      // Runs again in a new transaction when the map was full.
      records.seek(start);
      postponed.length = postponedBefore;
      touched.add(rebase.touched);
      recheckAll ||= rebase.recheckAll;
      const writer = new PlanWriter(transaction, plan, {
        native,
        extraBlocks,
        touched: touched.keys,
        recheckAll,
        ifTouched: onlyBack ? 'drop' : 'decide-again',
        postponed,
        beside: rebase.beside,
      });
      if (first) writer.openDbis();
      const slice = writeSlice(writer, records, time, onlyBack);
      time.written();
      written = writtenBefore + slice.count;
      return slice.reached;
    });
  }
}

/** @returns how many were written; `reached`: the last of them, when there are more */
function writeSlice(
  writer: PlanWriter,
  records: ReturnType<WritePlan['reader']>,
  time: SliceTime,
  onlyBack: boolean,
): { readonly count: number; readonly reached: PlanPosition | undefined } {
  for (let count = 1; ; count++) {
    const record = records.next();
    if (!record) {
      writer.finish();
      return { count: count - 1, reached: undefined };
    }
    if (record.writesMain || !onlyBack) writer.write(record);
    if (count % LOCK_CHECK_EVERY === 0 && time.isUp) return { count, reached: positionOf(record) };
  }
}
