import { KeySet, PlanWriter, type PostponedEmpty, type WritePlan } from '../../shadow/index.ts';
import type { SliceTime } from './slice-time.ts';
import type { Tracker } from './tracker.ts';

/** The clock is looked at once in so many puts. */
const LOCK_CHECK_EVERY = 64;

/**
 * Writes the winners of an object in slices. A key that the application changed after the plan was made is decided again by what is
 * stored, in whichever slice its turn comes.
 *
 * @param time without a bound all of it is one transaction
 */
export function writeWinners(
  tracker: Tracker,
  plan: WritePlan,
  { native, extraBlocks }: { readonly native: boolean; readonly extraBlocks: number },
  time: SliceTime,
): void {
  const records = plan.reader();
  const postponed: PostponedEmpty[] = [];
  const allTouched = new KeySet(Number.POSITIVE_INFINITY);
  let recheckAll = false;
  for (let more = true, first = true; more; first = false) {
    if (!first) time.rest();
    const start = records.position;
    const postponedBefore = postponed.length;
    more = tracker.write((transaction, rebase) => {
      time.begin();
      // Runs again in a new transaction when the map was full.
      records.seek(start);
      postponed.length = postponedBefore;
      allTouched.addAll(rebase.touched);
      recheckAll ||= rebase.recheckAll;
      const writer = new PlanWriter(transaction, plan, {
        native,
        extraBlocks,
        touched: allTouched,
        recheckAll,
        ifTouched: 'decide-again',
        postponed,
        beside: rebase.beside,
      });
      if (first) writer.openDbis();
      const left = writeSlice(writer, records, time);
      time.written();
      return left;
    });
  }
}

/** @returns whether there is more to write */
function writeSlice(writer: PlanWriter, records: ReturnType<WritePlan['reader']>, time: SliceTime): boolean {
  for (let count = 1; ; count++) {
    const record = records.next();
    if (!record) {
      writer.finish();
      return false;
    }
    writer.write(record);
    if (count % LOCK_CHECK_EVERY === 0 && time.isUp) return true;
  }
}
