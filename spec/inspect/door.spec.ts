import { expect, it } from 'vitest';
import * as door from 'rxjs-io-stream/inspect';

it('rxjs-io-stream/inspect exports these names and no others', () => {
  expect(Object.keys(door)).toEqual(['inspect']);
});
