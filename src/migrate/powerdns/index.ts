/** PowerDNS from schema 4 to the schemas that keep times themselves. */
export { type MovedTable, movesOf, moveTimes, problemsOf } from './move-times.ts';
export { nativeConfigText } from './native-config.ts';
