import type { Command } from 'commander';
import type { SessionRunner } from '../../session.ts';

export function addRemove(parent: Command, runner: SessionRunner): void {
  parent
    .command('remove')
    .description('Remove an object from the bucket; one that is not there is no error')
    .argument('<name>', 'name of the object')
    .action((name: string) =>
      runner.run(async (session) => (await import('../../actions/snapshots/remove.ts')).remove(session, name)),
    );
}
