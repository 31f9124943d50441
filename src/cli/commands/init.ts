import type { Command } from 'commander';
import type { InitFlags } from '../actions/init.ts';
import type { GlobalFlags } from '../global-flags.ts';
import type { Io } from '../io.ts';
import type { Output } from '../output.ts';

/** Needs no configuration: it makes one. */
export function addInitCommand(program: Command, out: Output, io: Io): void {
  const command = program
    .command('init')
    .description('Write a configuration, with comments, for the LMDB of PowerDNS or of any application')
    .argument('<lmdb>', 'the main file of PowerDNS, a data file, or the folder that holds data.mdb')
    .requiredOption('--bucket <url>', 'file:///folder, s3://bucket[/prefix] or azure://account/container[/prefix]')
    .option('-o, --output <file>', 'the file to write, which must not exist (default: print it)')
    .option('-n, --name <name>', 'name of the database in the bucket (default: main)')
    .option('--native', 'values carry headers of the application (schema_tracks_changes); found out for PowerDNS')
    .option('--endpoint <url>', 'endpoint of the storage, where it is not the one of AWS or Azure')
    .option('--region <name>', 'region of the bucket (s3)')
    .action(async (path: string) => {
      const { instance } = program.opts<GlobalFlags>();
      const flags = command.opts<InitFlags>();
      await (await import('../actions/init.ts')).init(out, io, path, { ...flags, ...(instance && { instance }) });
    });
}
