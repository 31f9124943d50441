import { Entry } from '../merge/index.ts';
import type { EntryRef } from '../snapshot/index.ts';

/** A DBI of which something must be written. */
export interface PlannedDbi {
  /** The application's DBI. */
  readonly name: string;
  /** Flags of the application's DBI, existing or to be made. */
  readonly flags: number;
  /** Make the application's DBI when it is missing (a snapshot brought it); else a missing one is left missing (decision 9). */
  readonly createsMain: boolean;
  /** The target held nothing when the plan was made: its rows can be appended, in one transaction or in several. */
  readonly fillsEmpty: boolean;
  /** In a sidecar: with their values whole, for the application has dropped the DBI (decision 9). */
  readonly keepsValues?: boolean;
}

/** An entry that must be written. One is reused for all; bytes are valid only during the call. */
export class PlannedWrite extends Entry {
  /** Index that `addDbi` gave. */
  dbi = 0;
  /** The application's DBI changes too: a remote winner. */
  writesMain = false;
  /** The live value that a winner replaces, for deleting its pair in a DUPSORT DBI; -1 when there was none. */
  oldBuffer: Buffer = this.keyBuffer;
  oldStart = -1;
  oldEnd = -1;

  /** Key, time and value of a decoded entry. @param isMark it is a deletion mark, in the object's own way of saying so */
  takeDecoded(
    { buffer, keyStart, keyEnd, valueStart, valueEnd, timestampHi, timestampLo }: EntryRef,
    isMark: boolean,
  ): void {
    this.setKey(buffer, keyStart, keyEnd);
    this.setTime(timestampHi, timestampLo);
    if (isMark) this.setDeleted();
    else this.setValue(buffer, valueStart, valueEnd);
  }

  setOld(entry: Entry): void {
    this.oldBuffer = entry.valueBuffer;
    this.oldStart = entry.valueStart;
    this.oldEnd = entry.valueEnd;
  }

  setNoOld(): void {
    this.oldStart = -1;
    this.oldEnd = -1;
  }
}

/** Takes what must be written because of local changes: into a plan, or straight into a write transaction. */
export interface WriteSink {
  /** @returns the index for `PlannedWrite.dbi` */
  addDbi(dbi: PlannedDbi): number;
  /** The bytes are read before it returns. */
  add(write: PlannedWrite): void;
}

/** Takes the winners of a remote object while it is read. */
export interface WinnerSink extends WriteSink {
  /** Told that DBIs or keys are not in order, so that a key may come twice (I1). */
  noteDisorder(): void;
  /** The object comes again from its start: forget what was taken. */
  restart(): void;
}
