/** What was measured for the figures of a first sync and of a join, and did or did not help; at 1 M records, medians of five runs. */
export const TRIED: readonly (readonly [what: string, gave: string])[] = [
  [
    'first sync: pack what is copied while it is copied, so that nothing is counted, walked and compressed afterwards',
    'kept: 4.40 × to 3.75 ×',
  ],
  [
    'first sync: as much memory for the output of gzip as it will need, not as much as it could',
    'kept: 3.75 × to 3.56 ×; V8 collects less often',
  ],
  ['first sync: packed members of 2 MiB, copies of words with an overlapping last one', 'kept: 3.56 × to 3.4 ×'],
  ['copies of eight bytes at a time, as big integers', 'dropped: four times slower'],
  ['commit in another thread beside the packing', 'not possible: the mutex of LMDB belongs to the thread that took it'],
  ['join: append to main in all slices, not only in the first', 'dropped: 2 % fewer pages, no time'],
  ['join: blocks of the plan straight to its file', 'dropped: within the noise'],
  [
    'join: chunks of 64 KiB and 1 MiB, longer turns, a larger nursery',
    'dropped: gunzip already hides behind the parsing; the thread that parses is what is waited for',
  ],
];
