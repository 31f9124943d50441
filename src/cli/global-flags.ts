import { type Command, InvalidArgumentError, Option } from 'commander';
import { MAXIMUM_MINIMUM_PID } from './minimum-pid.ts';

/** Flags of every command; absent: not given. */
export interface GlobalFlags {
  readonly config: string;
  readonly instance?: string;
  readonly debug?: boolean;
  readonly logConfig?: boolean;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly logTimestamp?: string;
  readonly minimumPid?: number;
  /** A duration as Go writes it; read with the configuration, whose parser is loaded by then. */
  readonly timeout?: string;
}

/** They may stand before or after the command. */
export function addGlobalFlags(program: Command): void {
  program
    .option('-c, --config <file>', 'configuration file', 'lightningstream.yaml')
    .option('-i, --instance <name>', 'name of this machine in the bucket, different on each (default: the hostname)')
    .option('--debug', 'log at level debug')
    .option('--log-config', 'log the effective configuration at start, secrets hidden')
    .option('--log-level <level>', 'debug, info, warning, error or fatal')
    .option('--log-format <format>', 'human, logfmt or json')
    .option('--log-timestamp <style>', 'short, disable or full')
    .addOption(
      new Option(
        '--minimum-pid <n>',
        `start again until the process id is at least this (at most ${MAXIMUM_MINIMUM_PID}), against clashes in LMDB's lock table between containers`,
      ).argParser(parsePid),
    )
    .option('--timeout <duration>', 'stop after this time (5m, 30s), with exit code 75');
}

function parsePid(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is expected.');
  return Number(text);
}
