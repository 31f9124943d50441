/**
 * Takes what differs. Buffers belong to the mapping, or are reused (values that straddle two mappings): whatever is kept
 * after the call has to be copied.
 */
export interface DiffSink {
  /** A key of a plain tree with its new value, or undefined when it is gone. */
  candidate(
    keyBuffer: Buffer,
    keyStart: number,
    keyEnd: number,
    valueBuffer: Buffer | undefined,
    valueStart: number,
    valueEnd: number,
  ): void;
  /** A (key, duplicate) pair of a DUPSORT tree that came (`present`) or went. */
  pair(
    keyBuffer: Buffer,
    keyStart: number,
    keyEnd: number,
    duplicateBuffer: Buffer,
    duplicateStart: number,
    duplicateEnd: number,
    present: boolean,
  ): void;
}
