import type { Command } from 'commander';
import type { DoctorFlags } from '../actions/doctor.ts';
import type { StatusFlags } from '../actions/status.ts';
import { ExitCode } from '../exit-codes.ts';
import type { SessionRunner } from '../session.ts';

const OPTIONS = { failureCode: ExitCode.unknown } as const;

export function addStatusCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('status')
    .description('Show how far every database and every instance is, by the running process or by the bucket')
    .option('--bucket', 'ask the bucket alone, even if a process answers at http.address')
    .option('--json', 'print JSON')
    .action(() =>
      runner.run(
        async (session) => (await import('../actions/status.ts')).status(session, command.opts<StatusFlags>()),
        OPTIONS,
      ),
    );
}

export function addDoctorCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('doctor')
    .description('Look for what would go wrong: LMDBs, rights, the bucket, PowerDNS; nothing is changed')
    .option('--probe-write', 'also store and delete a small object in the bucket')
    .option('--pdns-conf <file>', 'pdns.conf (default: where Debian and others put it)')
    .option('--json', 'print JSON')
    .action(() =>
      runner.run(
        async (session) => (await import('../actions/doctor.ts')).doctor(session, command.opts<DoctorFlags>()),
        OPTIONS,
      ),
    );
}
