/** Removes deletion marks that are older than the retention (docs/upkeep.md), and the arithmetic of the retention. */
export { loadCutoff, retentionNano, sweepCutoff } from './cutoff.ts';
export { FIND_LIMITS, type FindLimits } from './find-marks.ts';
export { sweepOften } from './sweep-often.ts';
export { Sweeper, type SweeperOptions, type SweepReport } from './sweeper.ts';
