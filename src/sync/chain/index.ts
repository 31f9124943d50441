/** Deltas: what an instance's objects cover, what is due of them, what is published next. Pure: no I/O, no clock. */
export { ChainIndex, type ChainIndexOptions, type ListingTimes } from './chain-index.ts';
export { type Compaction, compactionOf, DELTAS_PER_LEVEL } from './compaction.ts';
export type { Batch, Gap, HealedGap } from './coverage.ts';
export type { ListedObject } from './listed.ts';
export { type OwnChain, ownChainOf } from './own-chain.ts';
export type { OwnMissing } from './own-objects.ts';
export { cheapestPath, type Path } from './path.ts';
export {
  type FullReason,
  namesOf,
  nextTimeNano,
  type PlannedNames,
  type PublishInput,
  type PublishPlan,
  planPublishing,
} from './publish-plan.ts';
export { decideReplaced, REPLACED_KEEP_MS, type ReplacedDecision, type ReplacedSince } from './replaced.ts';
export {
  FULL_TOKEN_BUCKET,
  type TokenBucketLimits,
  type TokenBucketState,
  takeToken,
  tokenWaitMs,
} from './token-bucket.ts';
export { Unread } from './unread.ts';
