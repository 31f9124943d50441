import type { Command } from 'commander';
import type { SessionRunner } from '../../session.ts';
import { addDump } from './dump.ts';
import { addGet } from './get.ts';
import { addList } from './list.ts';
import { addPut } from './put.ts';
import { addRemove } from './remove.ts';

export function addSnapshotsCommand(program: Command, runner: SessionRunner): void {
  const snapshots = program
    .command('snapshots')
    .description('Look at, fetch, store and remove snapshots in the bucket');
  addList(snapshots, runner);
  addDump(snapshots, runner);
  addGet(snapshots, runner);
  addPut(snapshots, runner);
  addRemove(snapshots, runner);
}
