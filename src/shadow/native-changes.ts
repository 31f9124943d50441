import { diffDbis, diffTrees } from '../btree/index.ts';
import { applicationStart, HeaderError, headerProblem } from '../merge/index.ts';
import { dupsortWithoutHack } from './errors.ts';
import type { LocalKeys } from './local.ts';
import { isPrivate } from './store/index.ts';
import type { Snapshotted } from './view.ts';

/**
 * Native mode: collects the keys that changed since `base`; they need no copy, only to be published. Where there is no base to
 * compare with, `keys.unpublished` overflows.
 * @returns how many DBIs changed; undefined when nothing can tell, and the order of all DBIs has been looked at instead
 * @throws HeaderError for a new value without header, CustomOrderError
 */
export function nativeChanges(base: Snapshotted | undefined, now: Snapshotted, keys: LocalKeys): number | undefined {
  const { touched, unpublished } = keys;
  if (!base?.pages || !now.pages) {
    unpublished?.overflow();
    for (const dbi of now.view.dbis.values()) if (!isPrivate(dbi.name)) dbi.assertOrdered();
    return undefined;
  }
  let count = 0;
  for (const { name, oldTree, newTree } of diffDbis(base.pages, now.pages)) {
    if (isPrivate(name)) continue;
    count++;
    if (!oldTree) unpublished?.addWhole(name);
    diffTrees(oldTree, newTree, {
      candidate: (key, ks, ke, value, vs, ve) => {
        if (value && applicationStart(value, vs, ve) < 0 && ve > vs) {
          throw new HeaderError(name, key.subarray(ks, ke), headerProblem(value, vs, ve));
        }
        touched?.add(name, key, ks, ke);
        unpublished?.add(name, key, ks, ke);
      },
      pair: () => {
        throw dupsortWithoutHack(name, true);
      },
    });
  }
  return count;
}
