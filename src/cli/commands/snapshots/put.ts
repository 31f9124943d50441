import type { Command } from 'commander';
import type { SessionRunner } from '../../session.ts';

export function addPut(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('put')
    .description('Store a file in the bucket; every machine will merge it')
    .argument('<file>', 'the file')
    .option('-n, --name <name>', 'name of the object (default: the name of the file)')
    .option('--force', 'also under a name that is not one of a snapshot, and that nobody will read')
    .action((file: string) =>
      runner.run(async (session) =>
        (await import('../../actions/snapshots/put.ts')).put(session, file, command.opts()),
      ),
    );
}
