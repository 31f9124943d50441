/** Recognises an instance that was away for longer than deletions are remembered. */
export { formatAge, StaleInstanceError } from './errors.ts';
export {
  type ContactEvidence,
  type ContactSource,
  type FreshReason,
  judgeStaleness,
  type Staleness,
  type StalenessInput,
} from './judge.ts';
