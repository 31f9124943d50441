/** Removes objects from the bucket that nobody needs any more (docs/upkeep.md, I10). */
export { Cleaner, type CleanerObserver, type CleanerOptions, type CleanReport } from './cleaner.ts';
export {
  type CleanDeletion,
  type CleaningDecision,
  type CleaningInput,
  type CleanReason,
  decideCleaning,
  type Sighting,
} from './decide.ts';
