import type { Command } from 'commander';
import type { SnapshotDumpFlags } from '../../actions/snapshots/dump.ts';
import { UsageError } from '../../errors.ts';
import type { SessionRunner } from '../../session.ts';

const FORMATS = ['debug', 'text'];

interface DumpFlags extends SnapshotDumpFlags {
  readonly format: string;
}

export function addDump(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('dump')
    .description('Print the contents of a snapshot or delta')
    .argument('<name>', 'name of the object')
    .option('-f, --format <format>', 'debug or text, which are the same', 'debug')
    .option('-d, --dbi <name>', 'only the DBI of exactly this name')
    .option('-l, --local', 'the name is that of a local file')
    .option('--json', 'print JSON: a line for the header, then one an entry, bytes in hex')
    .action((name: string) => {
      const flags = command.opts<DumpFlags>();
      if (!FORMATS.includes(flags.format)) {
        throw new UsageError(`output format not supported: ${flags.format}`, `there are ${FORMATS.join(' and ')}`);
      }
      return runner.run(async (session) =>
        (await import('../../actions/snapshots/dump.ts')).dump(session, name, flags),
      );
    });
}
