import { lookup } from 'node:dns';
import type { Lookup } from './lookup.ts';

/** Asks the resolver of the system. */
export const systemLookup: Lookup = lookup;
