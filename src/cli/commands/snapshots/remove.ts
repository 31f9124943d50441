import type { Command } from 'commander';
import { SMALL_REQUEST_LIMIT_MS, withStorage } from '../../bucket.ts';
import type { SessionRunner } from '../../session.ts';

export function addRemove(parent: Command, runner: SessionRunner): void {
  parent
    .command('remove')
    .description('Remove an object from the bucket; one that is not there is no error')
    .argument('<name>', 'name of the object')
    .action((name: string) =>
      runner.run((session) =>
        withStorage(session, (storage, signal) => storage.delete(name, { signal }), SMALL_REQUEST_LIMIT_MS),
      ),
    );
}
