import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/**
 * Collects garbage now. Before a large write under the lock: the buffers of decoding are many and outside the heap, so that
 * V8 would let them pile up beside LMDB's dirty pages (some 20 MB of a million records), or collect them under the lock.
 */
export function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
