import type { ChildProcess } from 'node:child_process';
import type { MessagePort } from 'node:worker_threads';
import { filter, fromEvent, map, takeUntil } from 'rxjs';
import type { ChannelEnd } from '../../src/messages/channel-port.ts';

/** A port, as of a worker thread. */
export function overPort(port: MessagePort): ChannelEnd {
  port.start();
  return {
    send: (message) => port.postMessage(message, [message.buffer]),
    messages$: fromEvent<MessageEvent>(port, 'message').pipe(
      map(({ data }) => data as ArrayBuffer | Uint8Array),
      takeUntil(fromEvent(port, 'close')),
    ),
    close: () => port.close(),
  };
}

/** The IPC channel of a process with `serialization: 'advanced'`: a child, or `process` within it. */
export function overProcess(other: ChildProcess): ChannelEnd {
  return {
    send: (message) => other.send(message),
    messages$: fromEvent(other as never, 'message', (message: unknown) => message).pipe(
      filter((message) => message instanceof Uint8Array),
      takeUntil(fromEvent(other as never, 'disconnect')),
    ),
    close: () => other.connected && other.disconnect(),
  };
}

/** What a WebSocket of a browser, of Node and of `ws` have in common. */
export type AnyWebSocket = Pick<WebSocket, 'send' | 'close' | 'addEventListener' | 'removeEventListener'> & { binaryType: string };

/** A WebSocket that is open. */
export function overWebSocket(socket: AnyWebSocket): ChannelEnd {
  socket.binaryType = 'arraybuffer';
  return {
    send: (message) => socket.send(message),
    messages$: fromEvent<MessageEvent>(socket as WebSocket, 'message').pipe(
      map(({ data }) => data as ArrayBuffer | Uint8Array),
      takeUntil(fromEvent(socket as WebSocket, 'close')),
    ),
    close: () => socket.close(),
  };
}
