const isTty = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const style = (code) => (text) => (isTty ? `\u001b[${code}m${text}\u001b[0m` : String(text));

export const bold = style('1');
export const dim = style('2');
export const good = style('32');
export const bad = style('31');

/** What happened, then what came of it on the other side: room for both in 100 columns. */
const WHAT_COLUMNS = 54;

export function heading(text) {
  console.log(`\n${bold(text)}`);
}

/** `A put     apple = red          seen on B after 38 ms` */
export function step(what, outcome) {
  console.log(`  ${what.padEnd(WHAT_COLUMNS)} ${outcome}`);
}

export function note(text) {
  console.log(dim(`  ${text}`));
}

/** Milliseconds as a person reads them. */
export function milliseconds(ms) {
  return bold(`${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);
}

/** @param {number[]} latenciesMs all that were shown; at least one */
export function latencies(latenciesMs) {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  return `${sorted.length} changes: median ${milliseconds(median)}, slowest ${milliseconds(sorted.at(-1))}`;
}

/** A demo must not hide what an operator would have to look into. */
export function showComplaints(machines) {
  for (const { name, sync } of machines) {
    for (const line of sync.complaints) console.log(`  ${bad(`lmdbstream on ${name} complained:`)} ${line}`);
  }
}
