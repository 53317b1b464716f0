import type { Up } from '../../wire/signal.ts';

/** Describes how an inbound signal violates the order of signals, if it does. */
export function orderProblem(
  { kind }: Up,
  { isConnected, hasEnded }: { readonly isConnected: boolean; readonly hasEnded: boolean },
): string | undefined {
  if (isConnected) {
    if (kind === 'connected') return "'connected' was emitted twice";
    if (kind === 'resolved') return "'resolved' was emitted after 'connected'";
  } else if (kind === 'data' || kind === 'end' || kind === 'sent') return `'${kind}' was emitted before 'connected'`;
  if (hasEnded && kind === 'end') return "'end' was emitted twice";
  if (hasEnded && kind === 'data') return "'data' was emitted after 'end'";
  return undefined;
}
