export { Entry } from './entry.ts';
export { ENTRY_DELETED, ENTRY_FLAGS_MASK } from './flags.ts';
export {
  applicationStart,
  EXTRA_BLOCK_SIZE,
  flagsOf,
  HEADER_SIZE,
  HeaderError,
  HeaderWriter,
  headerProblem,
  isDeleted,
  readStored,
  takeStored,
  timestampHiOf,
  timestampLoOf,
  txnIdOf,
} from './header.ts';
export {
  type CommitEvidence,
  commitTime,
  compareBytes,
  compareTimes,
  deletionCutoff,
  incomingWins,
  isStaleDeletion,
  nanoOf,
  stampOf,
  TIME_ZERO,
  type Time,
  timeOf,
} from './rules.ts';
