/** The part of a WebSocket that the wire uses: that of browsers, of Node, Deno and Bun, and of the package `ws`. */
export interface WebSocketLike {
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** Bytes passed to `send` that the network has not taken. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server chose, or ''. */
  readonly protocol: string;
  /** The extensions that the server chose, or ''. */
  readonly extensions?: string | undefined;
  /** How binary messages arrive. The wire sets it. */
  binaryType: string;
  /** Sends one message. */
  send(data: never): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Its listeners are called with the events `open`, `message`, `error` and `close`, whose `type` is that name. */
  addEventListener(type: never, listener: never): void;
  /** Removes a listener. */
  removeEventListener(type: never, listener: never): void;
  /** Of `ws`: destroys the socket without a closing handshake. */
  terminate?(): void;
  /** Of `ws`: stops reading from the socket. */
  pause?(): void;
  /** Of `ws`: reads from the socket again. */
  resume?(): void;
}

/** A constructor of WebSockets, such as the class `WebSocket` of `ws`. */
export type WebSocketConstructor = new (url: never, protocols?: never) => WebSocketLike;

export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSED = 3;
