/** A source that counts the calls of `next` and `return`. */
export function countedSource(chunk: Buffer, count = Infinity): { pulled: number; returned: number; iterable: Iterable<Buffer> } {
  const state = {
    pulled: 0,
    returned: 0,
    iterable: {
      [Symbol.iterator]: (): Iterator<Buffer> => ({
        next: () => {
          state.pulled += 1;
          return state.pulled > count ? { done: true, value: undefined } : { done: false, value: chunk };
        },
        return: () => {
          state.returned += 1;
          return { done: true, value: undefined };
        },
      }),
    },
  };
  return state;
}
