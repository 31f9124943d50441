import { TIME_ZERO } from '../merge/index.ts';
import {
  assertSupported,
  compareInto,
  type DatabaseView,
  isPrivate,
  type Schema,
  storeOf,
  type WriteSink,
} from '../shadow/index.ts';

/**
 * What the application has changed and no shadow has recorded yet, by the code that records it: nothing is written. In native mode there is
 * nothing to record.
 * @throws UnsupportedDbiError, CustomOrderError
 */
export function findUnrecorded(view: DatabaseView, schema: Schema, sink: WriteSink): void {
  assertSupported(view, schema);
  if (schema.native) return;
  // A shadow without its DBI is one that the application dropped: it waits, and is no difference.
  const names = [...view.dbis.keys()].filter((name) => !isPrivate(name));
  const times = { commit: TIME_ZERO, isFirstMigration: storeOf(false).dbiNames(view).length === 0 };
  compareInto(names, view, { schema, times, knownFlags: new Map() }, sink);
}
