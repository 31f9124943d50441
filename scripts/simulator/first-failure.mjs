// A process of `npm run simulate:mutants`: file of the simulator, first seed, how many. Prints the first failure as JSON.
import { pathToFileURL } from 'node:url';

const [file = '', from, count] = process.argv.slice(2);
const { firstFailure } = await import(pathToFileURL(file).href);
const found = await firstFailure(Number(from), Number(count));
process.stdout.write(JSON.stringify(found ?? null));
