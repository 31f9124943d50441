import type { Command } from 'commander';
import type { SessionRunner } from '../../session.ts';

export function addGet(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('get')
    .description('Fetch an object from the bucket into a file')
    .argument('<name>', 'name of the object')
    .option('-o, --output <file>', 'the file (default: the name of the object, in the current folder)')
    .action((name: string) => {
      const { output } = command.opts<{ output?: string }>();
      return runner.run(async (session) =>
        (await import('../../actions/snapshots/get.ts')).get(session, name, output || name),
      );
    });
}
