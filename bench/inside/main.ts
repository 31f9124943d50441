/**
 * The process in which parts of the product are measured one by one: the tracker (local changes) and the merge (remote
 * ones). One process a measurement, so that none inherits another's heap. Arguments and result are JSON.
 */
import { measureChanges } from './changes.ts';
import { measureMerge } from './merge.ts';

const [what, input = '{}'] = process.argv.slice(2);
const result =
  what === 'changes'
    ? await measureChanges(JSON.parse(input))
    : what === 'merge'
      ? await measureMerge(JSON.parse(input))
      : undefined;
if (!result) throw new Error(`unknown measurement ${what}`);
process.stdout.write(JSON.stringify(result));
