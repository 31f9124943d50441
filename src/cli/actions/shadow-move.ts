import { futimesSync, rmSync } from 'node:fs';
import { openWhole } from '../../btree/index.ts';
import type { LmdbConfig } from '../../config/index.ts';
import { acquireInstanceLock, type Environment, showDbiName, type WriteTransaction } from '../../lmdb/index.ts';
import { lockPathOf, sidecarPath } from '../../paths/index.ts';
import {
  cursorView,
  hasShadows,
  isSidecarThere,
  type MovedDbi,
  moveInline,
  moveToSidecar,
  readSidecarState,
} from '../../shadow/index.ts';
import { openSidecarToWrite } from '../databases.ts';
import { DatabasesFailedError, ShadowMoveError } from '../errors.ts';
import type { Session } from '../session.ts';

export interface ShadowMoveFlags {
  readonly to: 'sidecar' | 'inline';
}

/** Every configured LMDB whose shadow lies elsewhere. One that fails does not keep the others from their turn. */
export async function moveShadows(session: Session, { to }: ShadowMoveFlags): Promise<void> {
  const failures = new Map<string, unknown>();
  for (const lmdb of [...session.config.lmdbs.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    session.signal.throwIfAborted();
    try {
      const moved = lmdb.schemaTracksChanges ? [] : move(lmdb, to, BigInt(session.io.now()) * 1_000_000n);
      if (moved.length === 0) session.out.write(`${lmdb.name}: nothing to move\n`);
      for (const { dbiName, entries } of moved) {
        session.out.write(`${lmdb.name}: moved ${showDbiName(dbiName)} (${entries} entries)\n`);
      }
    } catch (error) {
      failures.set(lmdb.name, error);
    }
  }
  if (failures.size > 0) throw new DatabasesFailedError(failures);
}

function move(lmdb: LmdbConfig, to: ShadowMoveFlags['to'], nowNano: bigint): MovedDbi[] {
  const environment = openWhole(lmdb.path, { ...lmdb.options, create: false });
  try {
    // A sync that runs would take what it finds then for changes of the application.
    const lock = acquireInstanceLock(environment.dataPath, `process ${process.pid}, shadow move`);
    try {
      return to === 'sidecar' ? outside(environment, lmdb, nowNano) : inside(environment, lmdb);
    } finally {
      lock?.release();
    }
  } finally {
    environment.close();
  }
}

/**
 * What the application changed while sync was stopped counts as made at the last commit of the data file, which must stay its own: a move would
 * make it newer than what peers have changed since.
 */
function writeUnseen<T>(environment: Environment, body: (main: WriteTransaction) => T): T {
  let commitNano = 0n;
  let txnId = 0;
  const result = environment.write((main) => {
    commitNano = environment.mtimeNano();
    txnId = main.id;
    return body(main);
  });
  // Under the lock, so that it is not the time of somebody's commit that is set back.
  const lock = environment.beginWrite();
  try {
    // Never earlier than the commit: what is below a microsecond is lost on the way.
    const seconds = Number(commitNano / 1000n + 2n) / 1e6;
    if (lock.id === txnId + 1) futimesSync(environment.fd, seconds, seconds);
  } catch (error) {
    // The time of a file can be set by its owner only, while others may write to it.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  } finally {
    lock.abort();
  }
  return result;
}

/** What lies inside counts until its DBIs are dropped: a move that was cut short is made again from there. */
function outside(environment: Environment, lmdb: LmdbConfig, nowNano: bigint): MovedDbi[] {
  const { dataPath, dataFileIdentity: dataFile } = environment;
  return writeUnseen(environment, (main) => {
    if (!hasShadows(main)) return [];
    const path = sidecarPath(lmdb.shadowPath, dataPath);
    const isNew = !isSidecarThere(path);
    const sidecar = openSidecarToWrite(lmdb, environment);
    let isMoved = false;
    try {
      const moved = sidecar.write((beside) => moveToSidecar(main, beside, { dataFile, nowNano }));
      isMoved = true;
      return moved;
    } finally {
      sidecar.close();
      if (isNew && !isMoved) removeSidecar(path);
    }
  });
}

function inside(environment: Environment, lmdb: LmdbConfig): MovedDbi[] {
  const path = sidecarPath(lmdb.shadowPath, environment.dataPath);
  if (!isSidecarThere(path)) return [];
  const sidecar = openSidecarToWrite(lmdb, environment);
  let moved: MovedDbi[];
  try {
    moved = writeUnseen(environment, (main) => {
      // One that was cut short: what is inside counts, and is whole.
      if (hasShadows(main)) return [];
      const look = sidecar.beginWrite();
      try {
        if (look.dbiNames().some((name) => name.startsWith('_sync_intent_')))
          throw new ShadowMoveError(path, 'has writes that were cut short');
        // What it does not know yet would be taken for changes of the application, and be published as new (I12).
        if (readSidecarState(cursorView(look))?.isRebuilding) throw new ShadowMoveError(path, 'is only half rebuilt');
        if (!agrees(look, main.id - 1, environment.dataFileIdentity))
          throw new ShadowMoveError(path, 'does not belong to the LMDB as it is now');
        return moveInline(main, look);
      } finally {
        look.abort();
      }
    });
  } finally {
    sidecar.close();
  }
  removeSidecar(path);
  return moved;
}

/** Times that belong to a later state of the LMDB would make old values changes of the application. */
function agrees(sidecar: WriteTransaction, lastTxnId: number, dataFile: string): boolean {
  const state = readSidecarState(cursorView(sidecar));
  if (!state || state.txnId === 0) return true;
  return state.txnId <= lastTxnId && (state.dataFile === dataFile || state.txnId === lastTxnId);
}

function removeSidecar(path: string): void {
  rmSync(path, { force: true });
  rmSync(lockPathOf(path, true), { force: true });
}
