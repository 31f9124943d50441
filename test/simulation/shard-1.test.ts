import { describe } from 'vitest';
import { simulateShard } from './seeds.ts';

describe('fleets that live through whatever can go wrong lose nothing, and end equal', () => simulateShard(1));
