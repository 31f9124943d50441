import type { SnapshotName } from '../../snapshot/index.ts';
import type { ObjectRef } from '../status/index.ts';

/** An object as events speak of it. */
export function refOf({ full: name, instanceId, timestampNano, kind }: SnapshotName): ObjectRef {
  return { name, instanceId, timestampNano, kind };
}
