import { buildSnapshotName, type SnapshotName, toTimestampNano } from '../../snapshot/index.ts';
import { type Compaction, compactionOf } from './compaction.ts';
import type { ListedObject } from './listed.ts';
import type { OwnChain } from './own-chain.ts';

/** Why a full snapshot goes out; for the log and metrics. */
export type FullReason =
  | 'first'
  | 'chain broken'
  | 'key set overflowed'
  | 'large change'
  | 'deltas weigh half'
  | 'chain long'
  | 'interval passed'
  | 'legacy writer'
  | 'deltas off';

export interface PublishInput {
  readonly mode: 'auto' | 'off';
  readonly chain: OwnChain;
  /** The newest deltas of the chain that can be compacted, for their keys are known; default: all. */
  readonly compactable?: readonly ListedObject[];
  /** What changed here and is in no stored object; of one view with everything else that is published now. */
  readonly unpublished: {
    readonly hasChanges: boolean;
    /** About what a delta of it would weigh. */
    readonly estimatedBytes: number;
    /** More keys changed than are kept in mind: no delta can be made. */
    readonly overflowed: boolean;
  };
  /** An instance that does not read deltas, but writes, is in the fleet (`ChainIndex.legacyWriters`). */
  readonly hasLegacyWriter: boolean;
  /** Since our last full snapshot was stored, or since the start. */
  readonly sinceFullMs: number;
  /** `storage_force_snapshot_interval`; 0: none is forced. */
  readonly forceIntervalMs: number;
  /** The token buckets of deltas and of full snapshots have a token. */
  readonly mayPublishDelta: boolean;
  readonly mayPublishFull: boolean;
}

export interface PublishPlan {
  readonly delta: { readonly previousNano: bigint } | undefined;
  /** Only with a delta, and of the same view; stored after it. */
  readonly compaction: Compaction | undefined;
  /** `previousNano` undefined: something of ours changed since the chain's end that no delta tells. Stored last. */
  readonly full: { readonly previousNano: bigint | undefined; readonly reason: FullReason } | undefined;
  /** What is needed and has to wait for a token; the plan is then to be made again. */
  readonly waitsFor: 'delta' | 'full' | undefined;
}

/** Of a small database the deltas may weigh more than half: so much is read in one go anyway. */
const LEAST_HEAVY_BYTES = 256 * 1024;
/** More than any history makes while compaction works. */
const LONGEST_CHAIN = 60;
const NOTHING: PublishPlan = { delta: undefined, compaction: undefined, full: undefined, waitsFor: undefined };

/** What is published now. Pure; the wiring makes the objects of one view and stores them in this order. */
export function planPublishing(input: PublishInput): PublishPlan {
  const { hasChanges } = input.unpublished;
  const { reason, promises } = whyFull(input);
  if (reason && !promises) {
    // A delta could not help: nothing goes out until the full snapshot may.
    if (!input.mayPublishFull) return { ...NOTHING, waitsFor: 'full' };
    return { ...NOTHING, full: { previousNano: undefined, reason } };
  }
  if (hasChanges && !input.mayPublishDelta) return { ...NOTHING, waitsFor: 'delta' };
  const delta = hasChanges ? { previousNano: input.chain.endNano } : undefined;
  // Peers that read deltas do not fetch the full snapshot then: it promises that there is nothing after the delta.
  const full = reason && input.mayPublishFull ? { previousNano: input.chain.endNano, reason } : undefined;
  const waitsFor = reason && !full ? 'full' : undefined;
  const compaction = delta && !full ? compactionOf(input.compactable ?? input.chain.deltas) : undefined;
  return { delta, compaction, full, waitsFor };
}

function whyFull(input: PublishInput): { reason: FullReason | undefined; promises: boolean } {
  const { mode, chain, unpublished, sinceFullMs, forceIntervalMs } = input;
  const { hasChanges, estimatedBytes, overflowed } = unpublished;
  const isForced = forceIntervalMs > 0 && sinceFullMs >= forceIntervalMs;
  const without = (reason: FullReason) => ({ reason, promises: false });
  const withPromise = (reason: FullReason | undefined) => ({ reason, promises: true });
  if (mode === 'off') {
    return hasChanges ? without('deltas off') : isForced ? without('interval passed') : withPromise(undefined);
  }
  // An instance that holds nothing of its own and changed nothing publishes nothing.
  if (!chain.full) return hasChanges || chain.isBroken || isForced ? without('first') : withPromise(undefined);
  // Peers take us for a legacy writer until a full snapshot says that we read deltas.
  if (!chain.full.name.readsDeltas) return without('first');
  if (chain.isBroken) return without('chain broken');
  if (hasChanges && overflowed) return without('key set overflowed');
  const heavyBytes = Math.max(chain.full.sizeBytes / 2, LEAST_HEAVY_BYTES);
  if (hasChanges && estimatedBytes >= heavyBytes) return without('large change');
  if (input.hasLegacyWriter && (hasChanges || chain.deltas.length > 0)) return withPromise('legacy writer');
  if (chain.deltaBytes + (hasChanges ? estimatedBytes : 0) >= heavyBytes) return withPromise('deltas weigh half');
  if (chain.deltas.length >= LONGEST_CHAIN) return withPromise('chain long');
  return withPromise(isForced ? 'interval passed' : undefined);
}

/**
 * The time of the next object: that of the view, and above our previous one whatever the clock says (decision 10).
 * @param newestNano of all objects under our name, stored, found or tried
 */
export function nextTimeNano(takenNano: bigint, newestNano: bigint): bigint {
  return takenNano > newestNano ? takenNano : newestNano + 1n;
}

export interface PlannedNames {
  readonly delta: string | undefined;
  readonly compacted: string | undefined;
  readonly full: string | undefined;
  /** The newest time in them. */
  readonly newestNano: bigint;
}

/**
 * Names of what a plan publishes. The compacted delta ends where the delta does; the full snapshot is one nanosecond later,
 * and promises that this nanosecond brought nothing.
 */
export function namesOf(
  plan: PublishPlan,
  parts: Pick<SnapshotName, 'databaseName' | 'instanceId' | 'generationId'>,
  mode: 'auto' | 'off',
  timeNano: bigint,
): PlannedNames {
  const nameOf = (kind: 'delta' | 'snapshot', atNano: bigint, previousNano: bigint | undefined, level = 0): string =>
    buildSnapshotName({
      ...parts,
      kind,
      level,
      timestampNano: toTimestampNano(atNano),
      readsDeltas: kind === 'snapshot' && mode === 'auto',
      ...(previousNano === undefined ? {} : { previousTimestampNano: toTimestampNano(previousNano) }),
    });
  const { delta, compaction, full } = plan;
  const fullNano = delta ? timeNano + 1n : timeNano;
  const promisedNano = full?.previousNano === undefined ? undefined : delta ? timeNano : full.previousNano;
  return {
    delta: delta && nameOf('delta', timeNano, delta.previousNano),
    compacted: compaction && nameOf('delta', timeNano, compaction.previousNano, compaction.level),
    full: full && nameOf('snapshot', fullNano, promisedNano),
    newestNano: full ? fullNano : timeNano,
  };
}
