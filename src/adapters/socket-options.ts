import { addAbortSignal } from 'node:stream';
import { checkOption, type OptionSet } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isObject, isTime } from '../util/value-tests.ts';
import type { ConnectionRequest } from './agent-request.ts';
import type { SocketDuplex } from './socket-duplex.ts';

const SOCKET_OPTIONS: OptionSet = {
  caller: 'a connection',
  show: describeValue,
  rules: {
    timeout: ['milliseconds, 0 or more', isTime],
    signal: ['an AbortSignal', (value) => isObject(value) && 'aborted' in value && 'addEventListener' in value],
  },
};

/**
 * Checks the options of a request that belong to the socket. Called before the dial: a wrong option must not leave a connection behind.
 *
 * @returns the function that applies them to the socket, and returns it.
 * @throws TypeError that names the wrong option.
 */
export function socketOptions(request: ConnectionRequest): <D extends SocketDuplex>(duplex: D) => D {
  const { timeout, keepAlive, keepAliveInitialDelay, signal } = request;
  // As in Node, a falsy value counts as absent.
  if (timeout) checkOption('timeout', timeout, SOCKET_OPTIONS);
  if (signal) checkOption('signal', signal, SOCKET_OPTIONS);
  return (duplex) => {
    if (timeout) duplex.setTimeout(timeout);
    if (keepAlive) duplex.setKeepAlive(true, keepAliveInitialDelay);
    return signal ? addAbortSignal(signal, duplex) : duplex;
  };
}
