import { usedBytes } from '../model.ts';
import type { DatabaseState, PeerState } from './database-state.ts';
import { type History, STEP_MS } from './history.ts';
import type { Problem } from './problems.ts';
import type { DatabaseAnswer, PeerAnswer, ProblemAnswer } from './status-schema.ts';

/** The part of `/api/status` that speaks of one database. Pure. */
export function databaseAnswer(
  name: string,
  state: DatabaseState,
  lockWaitingSinceMs: number | undefined,
  nowMs: number,
): DatabaseAnswer {
  const { lastPublished: last, inStorage, stats } = state;
  return {
    name,
    phase: state.phase,
    lockWaitingSeconds: lockWaitingSinceMs === undefined ? null : Math.max(0, nowMs - lockWaitingSinceMs) / 1000,
    recordedChanges: state.recordedChanges,
    mergedChanges: state.mergedChanges,
    published: {
      objects: state.publishedObjects,
      bytes: state.publishedBytes,
      last: last ? { name: last.name, kind: last.kind, sizeBytes: last.sizeBytes, at: isoTime(last.atMs) } : null,
    },
    inStorage: inStorage ? { ...inStorage } : null,
    chainLength: state.chainLength,
    detachedDbis: [...state.detachedDbis],
    lmdb: stats ? lmdbAnswer(stats) : null,
    peers: [...state.peers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([instance, peer]) => peerAnswer(instance, peer)),
    problems: state.problems.newestFirst.map(problemAnswer),
    history: historyAnswer(state.history, nowMs),
  };
}

function lmdbAnswer(stats: NonNullable<DatabaseState['stats']>): NonNullable<DatabaseAnswer['lmdb']> {
  const dbis = stats.dbis.map((dbi) => ({
    name: dbi.name,
    flags: [...dbi.flags],
    entries: dbi.entries,
    depth: dbi.depth,
    branchPages: dbi.branchPages,
    leafPages: dbi.leafPages,
    overflowPages: dbi.overflowPages,
    usedBytes: usedBytes(dbi, stats.pageSizeBytes),
  }));
  return {
    path: stats.path,
    mapSizeBytes: stats.mapSizeBytes,
    fileSizeBytes: stats.fileSizeBytes,
    usedBytes: dbis.reduce((sum, dbi) => sum + dbi.usedBytes, 0),
    lastTxnId: stats.lastTxnId,
    readers: stats.readers,
    maxReaders: stats.maxReaders,
    dbis,
    sidecar: stats.sidecar ? { ...stats.sidecar } : null,
  };
}

function peerAnswer(instance: string, peer: PeerState): PeerAnswer {
  const { mergedTimeMs, mergedAtMs } = peer;
  const merged = mergedTimeMs !== undefined && mergedAtMs !== undefined;
  return {
    instance,
    newestObject: peer.newestName,
    newestTime: isoTime(peer.newestTimeMs),
    mergedObject: peer.mergedName ?? null,
    mergedTime: merged ? isoTime(mergedTimeMs) : null,
    mergedAt: merged ? isoTime(mergedAtMs) : null,
    lagSeconds: peer.lagMs === undefined ? null : Math.max(0, Math.round(peer.lagMs) / 1000),
    behind: !merged || mergedTimeMs < peer.newestTimeMs,
    mergedObjects: peer.mergedObjects,
    mergedChanges: peer.mergedChanges,
    refusedObjects: peer.refusedObjects,
  };
}

function problemAnswer({ atMs, count, severity, message, hint, over }: Problem): ProblemAnswer {
  return { time: isoTime(atMs), count, severity, message, hint: hint ?? null, over };
}

function historyAnswer(history: History, nowMs: number): DatabaseAnswer['history'] {
  const { firstMs, steps } = history.read(nowMs);
  const tenths = (valueMs: number): number => Math.round(Math.max(0, valueMs) * 10) / 10;
  return {
    stepSeconds: STEP_MS / 1000,
    firstTime: isoTime(firstMs),
    recorded: steps.map((step) => step.recorded),
    merged: steps.map((step) => step.merged),
    lockWaitMaxMs: steps.map((step) => tenths(step.lockWaitMaxMs)),
    lockHeldMaxMs: steps.map((step) => tenths(step.lockHeldMaxMs)),
    mergeLagMaxMs: steps.map((step) => tenths(step.mergeLagMaxMs)),
  };
}

/** The last moment that RFC 3339 can write; a name may claim a later one. */
const LAST_DATE_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

export function isoTime(timeMs: number): string {
  return new Date(Math.min(Math.max(timeMs, 0), LAST_DATE_MS)).toISOString();
}
