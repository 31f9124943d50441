import { liblmdb } from '../../lmdb/index.ts';
import type { Findings } from './finding.ts';

export interface Machine {
  readonly pid: number;
  /** `/.dockerenv` or `/run/.containerenv` exists. */
  readonly isContainer: boolean;
}

/** Ids below it are what the first processes of a container get. */
const LOW_PID = 50;

/** @returns false: without liblmdb nothing can be looked at */
export function checkMachine({ pid, isContainer }: Machine, findings: Findings): boolean {
  try {
    findings.ok('liblmdb', liblmdb().versionText);
  } catch (error) {
    findings.failed('liblmdb', error);
    return false;
  }
  if (isContainer && pid < LOW_PID) {
    findings.warning(
      'container-pid',
      `this is process ${pid} of a container: another container that shares an LMDB may have the same id`,
      'start with --minimum-pid, another number in each container, or let them share a PID namespace',
    );
  } else findings.ok('container-pid', `process id ${pid}${isContainer ? ', in a container' : ''}`);
  return true;
}
