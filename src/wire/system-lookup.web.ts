import type { Lookup } from './lookup.ts';

/** Fails: browsers resolve no names. */
export const systemLookup: Lookup = (_host, _options, callback) => {
  callback(new Error("nothing here resolves names; pass `lookup`, or use `resolve: 'proxy'`"), []);
};
