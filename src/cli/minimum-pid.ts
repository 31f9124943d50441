import type { Log } from '../log/index.ts';
import type { Io } from './io.ts';

/** LMDB tells readers apart by process id alone: in containers that share an LMDB, everyone would be process 1. */
export const MAXIMUM_MINIMUM_PID = 200;
/** The reference's variable; set for the child, so that it never starts again itself. */
const NO_PID_CHECK_VARIABLE = 'LIGHTNINGSTREAM_NO_PID_CHECK';

/**
 * Makes sure that the command runs under a process id of at least `minimumPid`: where it does not, ids are used up and
 * the command is run again as a child (CLI-18).
 *
 * @returns the exit code of that child; undefined when this process is to go on itself
 */
export async function ensureMinimumPid(
  io: Pick<Io, 'pid' | 'env' | 'burnPid' | 'restart'>,
  minimumPid: number,
  log: Log,
): Promise<number | undefined> {
  if (minimumPid <= 0) return undefined;
  const wanted = Math.min(minimumPid, MAXIMUM_MINIMUM_PID);
  const fields = { pid: io.pid, minimum_pid: wanted };
  if (wanted < minimumPid) log.warn('--minimum-pid is more than the limit, which is used instead', fields);
  if (io.pid >= wanted) {
    log.info('the process id is high enough', fields);
    return undefined;
  }
  if (io.env[NO_PID_CHECK_VARIABLE]) {
    log.warn(`the process id is below the minimum; going on, as ${NO_PID_CHECK_VARIABLE} is set`, fields);
    return undefined;
  }
  log.info('using up process ids, then starting again', fields);
  for (let pid = io.pid; pid < wanted; pid++) io.burnPid();
  return io.restart({ ...io.env, [NO_PID_CHECK_VARIABLE]: '1' });
}
