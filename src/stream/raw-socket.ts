import { Socket } from 'node:net';
import type { Handle } from './handle.ts';
import type { StreamSettings } from './settings.ts';

/** Whether the stream is a `net.Socket` without plugins or a custom wire: no layer of this process still refers to sent bytes. */
export function isRawSocket(settings: StreamSettings, handle: Handle): boolean {
  return settings.wire === undefined && !settings.hasPlugins && handle.constructor === Socket;
}

/** Whether code outside of the stream has added a `data` listener to the socket. */
export function hasForeignDataListener(handle: Handle): boolean {
  return handle instanceof Socket && handle.listenerCount('data') > 1;
}
