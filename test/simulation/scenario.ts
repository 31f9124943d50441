import type { Kind } from './member/application.ts';
import type { BucketFaults } from './world/bucket.ts';
import { Random } from './world/random.ts';

/** Kinds of faults; a shrink leaves some out. */
export const FAULT_KINDS = [
  'bucket',
  'spoilt',
  'rot',
  'late',
  'crash',
  'clock',
  'reader',
  'restore',
  'garbage',
  'race',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface MemberSettings {
  readonly name: string;
  /** Off: neither writes nor reads deltas, as Lightning Stream. */
  readonly deltas: 'auto' | 'off';
  /** Writes before its instance is first started. */
  readonly writesBefore: number;
  readonly skewMs: number;
  /** The file watch tells nothing (MDB_WRITEMAP). */
  readonly isWatchBlind: boolean;
  readonly lockMaxMs: number;
  readonly fullScanIntervalMs: number;
}

/** Everything that a seed decides before the story begins. */
export interface Scenario {
  readonly seed: number;
  readonly kind: Kind;
  /** Where the shadow lies; `inline` is in the application's LMDB. */
  readonly store: string;
  readonly members: readonly MemberSettings[];
  readonly steps: number;
  /** Between two steps, on average. */
  readonly pauseMs: number;
  readonly storagePollMs: number;
  readonly deltaBurst: number;
  readonly cleaner: { readonly intervalMs: number; readonly mustKeepMs: number } | undefined;
  /** Deletions are remembered for so long; undefined: for ever. */
  readonly retentionMs: number | undefined;
  readonly forceFullMs: number;
  readonly bucket: BucketFaults;
  /** A step is: a crash, a graceful restart, a step of a clock, cleared readers, … */
  readonly crash: number;
  readonly restart: number;
  readonly clockStep: number;
  /** A clock is off by so much, at most. */
  readonly skewMs: number;
  readonly readerCleared: number;
  readonly restore: number;
  readonly garbage: number;
  /** The application commits at a look at the clock, before or after a lock. */
  readonly race: number;
  /** A look at the clock takes long, so that slices end. */
  readonly slowLook: number;
  /** The process is killed at a look at the clock. */
  readonly crashAtLook: number;
  /** A joiner with an empty LMDB checks at the end that the bucket holds all. */
  readonly joins: boolean;
}

export interface Limits {
  readonly maxMembers?: number;
  readonly maxSteps?: number;
  readonly without?: readonly FaultKind[];
  readonly store?: string;
}

const HOUR_MS = 3600_000;
/** Longer than a story with a sweeper. */
const RETENTION_MS = 2 * 60_000;

function rotOf(seed: number): number {
  const random = new Random(seed ^ 0x0207);
  return random.chance(0.5) ? random.between(0, 1) : 0;
}

/** Swarm testing: each seed has its own mix of faults, most of them without some. */
export function scenarioOf(seed: number, limits: Limits = {}): Scenario {
  const random = new Random(seed ^ 0x5eed);
  const { maxMembers = 7, maxSteps = Number.POSITIVE_INFINITY, without = [], store = 'inline' } = limits;
  const sometimes = (probability: number, most: number): number =>
    random.chance(probability) ? random.between(0, most) : 0;
  const kind = random.pick<Kind>(['shadow', 'shadow', 'dupsort', 'native']);
  const count = random.pick([2, 2, 2, 2, 3, 3, 3, 4, 5, 7]);
  const deltas = random.pick(['auto', 'auto', 'auto', 'off', 'mixed'] as const);
  const isSkewed = random.chance(0.5);
  const sweeps = random.chance(0.2);
  const skewMs = sweeps ? 5000 : HOUR_MS;
  const members = Array.from({ length: count }, (_, index): MemberSettings => {
    const mode = deltas === 'mixed' ? random.pick(['auto', 'off'] as const) : deltas;
    return {
      name: `i${index}`,
      deltas: mode,
      writesBefore: random.chance(0.4) ? 1 + random.below(6) : 0,
      skewMs: isSkewed ? Math.round(random.between(-skewMs, skewMs)) : 0,
      isWatchBlind: random.chance(0.2),
      lockMaxMs: random.pick([0, 100, 100, 1]),
      fullScanIntervalMs: random.pick([0, 0, 20_000, 60_000]),
    };
  });
  const has = (fault: FaultKind): boolean => !without.includes(fault);
  const bucket: BucketFaults = {
    listError: sometimes(0.6, 0.3),
    loadError: sometimes(0.6, 0.3),
    storeLost: sometimes(0.6, 0.1),
    storeUnanswered: sometimes(0.6, 0.1),
    deleteError: sometimes(0.4, 0.2),
    spoilt: sometimes(0.5, 0.05),
    // Drawn apart, so that each seed goes on telling the story that it told before.
    rot: rotOf(seed),
    late: sometimes(0.4, 0.3),
    stale: sometimes(0.4, 0.1),
    slow: sometimes(0.4, 0.05),
  };
  const drawn: Scenario = {
    seed,
    kind,
    store,
    members,
    steps: 15 + random.below(30),
    pauseMs: sweeps ? 300 : random.pick([300, 1000, 1000, 3000]),
    storagePollMs: sweeps ? 10_000 : random.pick([2000, 5000, 10_000]),
    deltaBurst: random.pick([1, 3, 20]),
    cleaner: random.chance(0.6)
      ? { intervalMs: random.pick([5000, 20_000]), mustKeepMs: random.pick([0, 2000, 30_000]) }
      : undefined,
    retentionMs: sweeps ? RETENTION_MS : undefined,
    // Shorter than deletions are remembered: what is older than that is then in nobody's newest object.
    forceFullMs: sweeps ? RETENTION_MS / 4 : random.pick([0, 30_000, 4 * HOUR_MS]),
    bucket,
    crash: sometimes(0.6, 0.03),
    restart: sometimes(0.5, 0.05),
    clockStep: sometimes(0.3, 0.05),
    skewMs,
    readerCleared: sometimes(0.3, 0.05),
    restore: sometimes(0.3, 0.04),
    garbage: sometimes(0.3, 0.04),
    race: random.chance(0.7) ? random.between(0, 0.01) : 0,
    slowLook: sometimes(0.3, 0.02),
    crashAtLook: sometimes(0.4, 0.0005),
    joins: random.chance(0.3),
  };
  return {
    ...drawn,
    members: members
      .slice(0, Math.max(2, maxMembers))
      .map((member) => (has('clock') ? member : { ...member, skewMs: 0 })),
    steps: Math.min(drawn.steps, maxSteps),
    bucket: {
      ...(has('bucket')
        ? bucket
        : { ...bucket, listError: 0, loadError: 0, storeLost: 0, storeUnanswered: 0, slow: 0 }),
      deleteError: has('bucket') ? bucket.deleteError : 0,
      spoilt: has('spoilt') ? bucket.spoilt : 0,
      rot: has('rot') ? bucket.rot : 0,
      late: has('late') ? bucket.late : 0,
      stale: has('late') ? bucket.stale : 0,
    },
    crash: has('crash') ? drawn.crash : 0,
    restart: has('crash') ? drawn.restart : 0,
    crashAtLook: has('crash') ? drawn.crashAtLook : 0,
    clockStep: has('clock') ? drawn.clockStep : 0,
    readerCleared: has('reader') ? drawn.readerCleared : 0,
    // Nothing but the bucket knows what was lost; one that hides it cannot be asked (I5).
    restore: has('restore') && bucket.late === 0 && bucket.stale === 0 ? drawn.restore : 0,
    garbage: has('garbage') ? drawn.garbage : 0,
    race: has('race') ? drawn.race : 0,
    slowLook: has('race') ? drawn.slowLook : 0,
  };
}
