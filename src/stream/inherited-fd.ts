import { activationFd, takenError } from './activation.ts';

/** The options of `listen` that name a socket that the process has inherited. */
interface InheritedOptions {
  readonly fd?: number | undefined;
  readonly activation?: true | string | undefined;
}

/**
 * Prepares the descriptor for a listener.
 *
 * @returns takes it; undefined without `fd` and `activation`. Throws when it is called again: the number may be another file's then.
 */
export function inheritedFd({ fd, activation }: InheritedOptions): () => number | undefined {
  if (activation !== undefined) return () => activationFd(activation);
  let isTaken = false;
  return () => {
    if (fd === undefined) return undefined;
    if (isTaken) throw takenError(`descriptor ${fd}`);
    isTaken = true;
    return fd;
  };
}
