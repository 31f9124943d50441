import type { Command } from 'commander';
import type { SessionRunner } from '../../session.ts';

export function addList(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('list')
    .description('List the objects in the bucket')
    .option('-p, --prefix <text>', 'only names that start with this, e.g. main__')
    .option('-l, --long', 'with the size in bytes')
    .option('-t, --time', 'sorted by the time in the name instead of by name; names without one first')
    .option('--json', 'print JSON, one line an object')
    .action(() =>
      runner.run(async (session) => (await import('../../actions/snapshots/list.ts')).list(session, command.opts())),
    );
}
