import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options?: { readonly type: 'minor' }) => void;

let collect: Collect | undefined;

/**
 * Collects garbage now. The buffers of decoding are many, and lie outside the heap, so that V8 would let some 20 MB of them pile
 * up beside LMDB's dirty pages, or collect them under the lock.
 * @param type `minor` takes what has just become garbage, within a millisecond
 */
export function collectGarbage(type?: 'minor'): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  if (type) collect({ type });
  else collect();
}
