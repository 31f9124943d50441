import type { Environment } from '../../lmdb/index.ts';
import type { Schema } from '../../shadow/index.ts';
import type { Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import type { ChangeTeller } from './change-teller.ts';
import type { SameFile } from './same-file.ts';
import type { WriteLock } from './write-lock.ts';

export interface TrackerOptions {
  readonly environment: Environment;
  readonly schema: Schema;
  readonly clock: Clock;
  readonly report: Report;
  readonly lock: WriteLock;
  /** `lmdb_lock_max`, for filling shadows; 0: one transaction. */
  readonly lockMaxMs: number;
  readonly sameFile: SameFile;
  readonly teller?: ChangeTeller | undefined;
}
