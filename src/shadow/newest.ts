import { compareTimes, nanoOf, timestampHiOf, timestampLoOf } from '../merge/index.ts';
import { storeOf } from './store/index.ts';
import { type DatabaseView, entriesView } from './view.ts';

/** The newest time of any entry here, deletions included; undefined where nothing carries a time yet. */
export function newestTime(view: DatabaseView, native: boolean): bigint | undefined {
  let hi = 0;
  let lo = 0;
  let found = false;
  const store = storeOf(native);
  for (const dbi of entriesView(view).dbis.values()) {
    if (!store.holdsEntries(dbi.name)) continue;
    const walker = dbi.walk();
    while (walker.next()) {
      if (walker.valueEnd - walker.valueStart < 8) continue;
      const entryHi = timestampHiOf(walker.valueBuffer, walker.valueStart);
      const entryLo = timestampLoOf(walker.valueBuffer, walker.valueStart);
      found = true;
      if (compareTimes(entryHi, entryLo, hi, lo) <= 0) continue;
      hi = entryHi;
      lo = entryLo;
    }
  }
  return found ? nanoOf({ hi, lo }) : undefined;
}
